<?php

namespace App;

use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Compiler\CompilerPassInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Messenger\Command\StatsCommand as MessengerStats;

class Kernel extends BaseKernel implements CompilerPassInterface
{
    use MicroKernelTrait;

    // Without a composer.json the project dir has to be given by hand.
    public function getProjectDir(): string
    {
        return \dirname(__DIR__);
    }

    // Symfony has messenger:stats from 6.2 on; Debian 12 has 5.4, and ours stands in for it there.
    public function process(ContainerBuilder $container): void
    {
        if (!class_exists(MessengerStats::class)) {
            $container->getDefinition(Command\StatsCommand::class)
                ->addTag('console.command', ['command' => 'messenger:stats']);
        }
    }
}
