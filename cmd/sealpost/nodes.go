package main

import (
	"context"
	"os"
	"sync"
	"time"

	"sealpost/account/limit"
	"sealpost/config"
	"sealpost/filestore/kept"
	"sealpost/filestore/lease"
	"sealpost/storage/postgres"
)

// Jobs that one node at a time does. On one machine it does them all, and nobody asks.
const (
	jobHouse   = "housekeeping"
	jobReports = "reports"
	jobKeys    = "keys"
)

// leaseTime is how long a job stays undone when its node is gone.
const leaseTime = time.Minute

// lease is that of a job.
func (e *engines) lease(job string) lease.Leases {
	if e.cluster == nil {
		return lease.Always{}
	}
	return e.cluster.db.Lease(job)
}

// pile is where nodes leave what one of them makes one of; nil on one machine.
func (e *engines) pile(name string) pile {
	if e.cluster == nil {
		return nil
	}
	return e.cluster.known.Pile(name)
}

// A pile is parts of several nodes, of which who has a lease makes one.
type pile interface {
	Add(ctx context.Context, id postgres.PartID, part []byte) error
	Gather(ctx context.Context, by lease.Held, merge func(parts [][]byte) ([]byte, error)) error
}

// folderValues are the values of the one process that has them.
type folderValues struct {
	kept.Values
	changing *sync.Mutex
}

func newFolderValues(v kept.Values) values { return folderValues{v, new(sync.Mutex)} }

func (v folderValues) PutUnder(ctx context.Context, _ lease.Held, name string, value []byte) error {
	return v.Put(ctx, name, value)
}

func (v folderValues) Change(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error {
	v.changing.Lock()
	defer v.changing.Unlock()
	old, err := v.Get(ctx, name)
	if err != nil {
		return err
	}
	value, err := change(old)
	if err != nil {
		return err
	}
	return v.Put(ctx, name, value)
}

// newLedger tells other nodes of what was used of limits; nil on one machine.
func (s *server) newLedger() *limit.Ledger {
	if s.cluster == nil {
		return nil
	}
	return &limit.Ledger{Secret: s.secret, Exchange: s.cluster.known.Limits(), Log: s.log}
}

// shareLimits tells and hears until ctx ends.
func (s *server) shareLimits(ctx context.Context) {
	if s.limits != nil {
		s.limits.Run(ctx)
	}
}

// alone does a job while this node has its lease, until ctx ends; never without the role.
func (s *server) alone(ctx context.Context, job string, do func(context.Context, lease.Held)) {
	if !s.settings.Cluster.Has(config.RoleHouse) {
		return
	}
	lease.Keep(ctx, s.lease(job), leaseTime, func(ctx context.Context, token lease.Token) error {
		s.jobs.begin(job)
		defer s.jobs.end(job)
		do(ctx, lease.Held{Job: job, Token: token})
		return nil
	}, func(err error) { s.log.Warn("a job of one node at a time was given up", "job", job, "error", err) })
}

// jobs are those that this node has the leases of.
type jobs struct {
	mu   sync.Mutex
	held map[string]bool
}

func (j *jobs) begin(job string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held == nil {
		j.held = map[string]bool{}
	}
	j.held[job] = true
}

func (j *jobs) end(job string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.held, job)
}

func (j *jobs) has(job string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.held[job]
}

// nodeName is what this node is called among others; empty on one machine.
func nodeName(c config.Cluster) string {
	if !c.On() {
		return ""
	}
	if c.Node != "" {
		return c.Node
	}
	name, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return name
}
