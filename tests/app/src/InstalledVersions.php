<?php

namespace Composer;

/**
 * Stands in for Composer's class of that name, without which Symfony 6.4 (Debian 13) refuses to
 * build its container. Debian installs packages whole and without Composer: there are no
 * development-only ones that Symfony would have to look out for.
 */
final class InstalledVersions
{
    public static function isInstalled(string $package, bool $includeDevRequirements = true): bool
    {
        return 'symfony/symfony' !== $package; // the whole framework as one package: deprecated
    }
}
