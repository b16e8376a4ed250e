package nats

import (
	"context"
	"errors"
	"sync/atomic"

	client "github.com/nats-io/nats.go"
)

// Try connects to one of the servers as a node would, and leaves. Its error says why no hints
// would come by it: it is for who set it up and may hold the server's words. Nodes that
// listen hear a frame of nothing, which they leave aside.
func Try(ctx context.Context, o Options, server string) error {
	o.Servers = []string{server}
	w, err := New(o)
	if err != nil {
		return err
	}
	var refused atomic.Pointer[error]
	options := append(w.options, client.RetryOnFailedConnect(false), client.NoReconnect(), client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) {
		refused.CompareAndSwap(nil, &err)
	}))
	c, err := client.Connect(w.servers, options...)
	if errors.Is(err, client.ErrNoServers) {
		return errGone
	}
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.SubscribeSync(w.subject)
	if err != nil {
		return err
	}
	if err := c.Publish(w.subject, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := c.FlushWithContext(ctx); err != nil { // all that was refused came before the answer
		return err
	}
	if err := errors.Join(c.LastError(), s.Unsubscribe()); err != nil {
		return err
	}
	if err := refused.Load(); err != nil {
		return *err
	}
	return nil
}
