package postgres

import "time"

// Pool is how a node's connections are used.
type Pool struct {
	Busy, Idle, Most int
	Waits            int64         // of who found none, since the start
	Waited           time.Duration // by all of them
}

// Pool says so for this moment.
func (d *DB) Pool() Pool {
	s := d.pool.Stat()
	return Pool{
		Busy: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Most: int(s.MaxConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}
