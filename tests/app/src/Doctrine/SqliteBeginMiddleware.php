<?php

namespace App\Doctrine;

use Doctrine\DBAL\Driver;
use Doctrine\DBAL\Driver\Connection as DriverConnection;
use Doctrine\DBAL\Driver\Middleware;
use Doctrine\DBAL\Driver\Middleware\AbstractConnectionMiddleware;
use Doctrine\DBAL\Driver\Middleware\AbstractDriverMiddleware;

/**
 * Opens every transaction with BEGIN IMMEDIATE.
 *
 * The Doctrine transport does SELECT, then UPDATE, in one transaction. With
 * PDO's plain BEGIN, SQLite takes the write lock only at the UPDATE, and two
 * workers that both hold a read lock then fail at once with "database is
 * locked", whatever the busy timeout is.
 *
 * The signatures fit DBAL 3 (Debian 12) and 4 (Debian 13).
 */
final class SqliteBeginMiddleware implements Middleware
{
    public function __construct(private string $mode)
    {
    }

    public function wrap(Driver $driver): Driver
    {
        return new class($driver, $this->mode) extends AbstractDriverMiddleware {
            public function __construct(Driver $driver, private string $mode)
            {
                parent::__construct($driver);
            }

            public function connect(array $params): DriverConnection
            {
                return new class(parent::connect($params), $this->mode) extends AbstractConnectionMiddleware {
                    public function __construct(DriverConnection $connection, private string $mode)
                    {
                        parent::__construct($connection);
                    }

                    public function beginTransaction(): void
                    {
                        $this->exec('BEGIN '.$this->mode);
                    }

                    public function commit(): void
                    {
                        $this->exec('COMMIT');
                    }

                    public function rollBack(): void
                    {
                        $this->exec('ROLLBACK');
                    }
                };
            }
        };
    }
}
