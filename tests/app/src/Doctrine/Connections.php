<?php

namespace App\Doctrine;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\Tools\Console\ConnectionProvider;

/** Gives DBAL's own console command, dbal:run-sql, the application's connection. */
final class Connections implements ConnectionProvider
{
    public function __construct(private ConnectionRegistry $registry)
    {
    }

    public function getDefaultConnection(): Connection
    {
        return $this->registry->getConnection();
    }

    public function getConnection(string $name): Connection
    {
        return $this->registry->getConnection($name);
    }
}
