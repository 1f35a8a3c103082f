<?php

// Debian ships one class-map autoloader per package instead of Composer's
// vendor/autoload.php. Each of them registers itself with spl_autoload.
foreach ([
    'Symfony/Bundle/FrameworkBundle',
    'Symfony/Component/Console',
    'Symfony/Component/Yaml',
    'Symfony/Component/Messenger',
    'Symfony/Component/Messenger/Bridge/Doctrine',
    'Doctrine/DBAL',
    'Doctrine/Persistence',
] as $package) {
    require_once '/usr/share/php/'.$package.'/autoload.php';
}

// Optional (php-symfony-monolog-bridge); only used when it is installed.
if (is_file('/usr/share/php/Symfony/Bridge/Monolog/autoload.php')) {
    require_once '/usr/share/php/Symfony/Bridge/Monolog/autoload.php';
}

spl_autoload_register(static function (string $class): void {
    if (0 === strncmp($class, 'App\\', 4)) {
        $file = __DIR__.'/'.strtr(substr($class, 4), '\\', '/').'.php';
        if (is_file($file)) {
            require $file;
        }
    }
});

if (6 <= Symfony\Component\HttpKernel\Kernel::MAJOR_VERSION && !class_exists(Composer\InstalledVersions::class)) {
    require __DIR__.'/InstalledVersions.php';
}
