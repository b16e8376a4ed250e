package main

import "context"

// measureNode says what this node does of what one node at a time does, and how it stands with
// the database. One machine says nothing of it.
func (s *server) measureNode(_ context.Context, e *exposition) {
	if s.cluster == nil {
		return
	}
	e.family("sealpost_lease_held", "gauge", "1 while this node does a job that one node at a time does; over all nodes, 1 of each.")
	for _, job := range []string{jobHouse, jobKeys, jobReports} {
		held := 0.0
		if s.jobs.has(job) {
			held = 1
		}
		e.sample(held, "job", job)
	}
	p := s.cluster.db.Pool()
	e.family("sealpost_database_connections", "gauge", "Connections to the database, by what they do.")
	e.sample(float64(p.Busy), "state", "busy")
	e.sample(float64(p.Idle), "state", "idle")
	e.one("sealpost_database_connections_limit", "gauge", "Connections that this node may have.", float64(p.Most))
	e.one("sealpost_database_waits_total", "counter", "Times that somebody waited for a connection.", float64(p.Waits))
	e.one("sealpost_database_wait_seconds_total", "counter", "How long they waited, together.", p.Waited.Seconds())
}
