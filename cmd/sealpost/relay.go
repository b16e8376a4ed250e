package main

import (
	"context"
	"sync"

	"sealpost/config"
	"sealpost/mailstore/notify"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/nats"
)

// join has the office act on what is revoked, and joins its bus to those of the other nodes, until
// the engines are closed: for a command too, of which a server may have to hear.
func (o *office) join(ctx context.Context) error {
	all := []func(context.Context){o.book.Follow, o.desk.Follow}
	if o.cluster != nil {
		wire, err := o.newWire()
		if err != nil {
			return err
		}
		all = append(all, notify.NewRelay(o.store.Bus, wire, o.secret, o.log).Run)
		for name, q := range o.queues() {
			q.Stirred = func() { o.store.Bus.Publish(name) }
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, run := range all {
		running.Go(func() { run(ctx) })
	}
	o.opened(func() error {
		stop()
		running.Wait()
		return nil
	})
	return nil
}

// queues are the queues, by what is published when there may be something to take from one.
func (o *office) queues() map[string]*queue.Queue {
	return map[string]*queue.Queue{"queue": o.queue, "queue of the outbox": o.outbox}
}

// takes has a node whose role it is to take from the queues hear of what others put there. What
// is put here it takes itself, so that nobody else has to look.
func (o *office) takes() {
	if o.cluster == nil || !o.settings.Cluster.Has(config.RoleQueue) {
		return
	}
	for name, q := range o.queues() {
		q.Stirred = nil
		end := o.store.Bus.Watch(name, q.Wake)
		o.opened(func() error { end(); return nil })
	}
}

// newWire is what carries hints between nodes: NATS where there is one, or the database.
func (o *office) newWire() (notify.Wire, error) {
	if c := o.settings.Cluster; len(c.NATS) > 0 {
		return nats.New(natsOptions(c))
	}
	return o.cluster.db.Hints(), nil
}

// natsOptions are what nodes connect to NATS with.
func natsOptions(c config.Cluster) nats.Options {
	return nats.Options{Servers: c.NATS, Credentials: c.Credentials, CA: c.NATSCA, Certificate: c.NATSCert, Key: c.NATSKey}
}
