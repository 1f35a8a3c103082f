<?php

namespace App\Doctrine;

use Doctrine\DBAL\Configuration;
use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\Tools\DsnParser;
use Doctrine\Persistence\ConnectionRegistry as ConnectionRegistryInterface;

/**
 * The smallest stand-in for DoctrineBundle's registry: one DBAL connection,
 * called "default", on an SQLite file, or on the server that DATABASE_URL names.
 */
final class ConnectionRegistry implements ConnectionRegistryInterface
{
    private ?Connection $connection = null;

    public function __construct(
        private string $path,
        private string $begin = 'IMMEDIATE',
        private string $journal = 'WAL',
        private string $url = '',
    ) {
    }

    public function getDefaultConnectionName(): string
    {
        return 'default';
    }

    public function getConnection(?string $name = null): Connection
    {
        if (null !== $name && 'default' !== $name) {
            throw new \InvalidArgumentException(sprintf('There is no connection "%s".', $name));
        }

        if (null === $this->connection && '' !== $this->url) {
            // DBAL 4 takes no URL; DBAL before 3.6 has nothing else that understands one.
            $parameters = class_exists(DsnParser::class)
                ? (new DsnParser(['mysql' => 'pdo_mysql']))->parse($this->url)
                : ['url' => $this->url];

            return $this->connection = DriverManager::getConnection($parameters);
        }
        if (null === $this->connection) {
            $configuration = new Configuration();
            if ('DEFERRED' !== strtoupper($this->begin)) {
                $configuration->setMiddlewares([new SqliteBeginMiddleware(strtoupper($this->begin))]);
            }
            $this->connection = DriverManager::getConnection([
                'driver' => 'pdo_sqlite',
                'path' => $this->path,
                // seconds; PDO_SQLITE hands it to sqlite3_busy_timeout()
                'driverOptions' => [\PDO::ATTR_TIMEOUT => 30],
            ], $configuration);
            if ('' !== $this->journal) {
                $this->connection->executeStatement('PRAGMA journal_mode = '.$this->journal);
            }
        }

        return $this->connection;
    }

    public function getConnections(): array
    {
        return ['default' => $this->getConnection()];
    }

    public function getConnectionNames(): array
    {
        return ['default' => 'doctrine.dbal.default_connection'];
    }
}
