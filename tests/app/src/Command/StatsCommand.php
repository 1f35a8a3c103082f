<?php

namespace App\Command;

use Psr\Container\ContainerInterface;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use Symfony\Component\Console\Style\SymfonyStyle;
use Symfony\Component\Messenger\Transport\Receiver\MessageCountAwareInterface;

/**
 * Like messenger:stats, but it can print JSON with every version of Symfony.
 * Where Symfony has no messenger:stats, that is another name of this command (see Kernel).
 */
#[AsCommand(name: 'app:stats', description: 'Show the message count for one or more transports')]
final class StatsCommand extends Command
{
    /** @param string[] $transportNames */
    public function __construct(private ContainerInterface $receivers, private array $transportNames)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->addArgument('transports', InputArgument::IS_ARRAY, 'Transport names', [])
            ->addOption('format', null, InputOption::VALUE_REQUIRED, 'txt or json', 'txt');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $counts = [];
        foreach ($input->getArgument('transports') ?: $this->transportNames as $name) {
            if (!$this->receivers->has($name)) {
                (new SymfonyStyle($input, $output))->getErrorStyle()->warning(sprintf('The "%s" transport does not exist.', $name));
                continue;
            }
            $transport = $this->receivers->get($name);
            if ($transport instanceof MessageCountAwareInterface) {
                $counts[$name] = $transport->getMessageCount();
            }
        }

        if ('json' === $input->getOption('format')) {
            $output->writeln(json_encode($counts, \JSON_FORCE_OBJECT));
        } else {
            $rows = [];
            foreach ($counts as $name => $count) {
                $rows[] = [$name, $count];
            }
            (new SymfonyStyle($input, $output))->table(['Transport', 'Count'], $rows);
        }

        return Command::SUCCESS;
    }
}
