package nats

import (
	"errors"
	"testing"

	client "github.com/nats-io/nats.go"

	"sealpost/mailstore/notify"
	"sealpost/mailstore/notify/relaytest"
	"sealpost/storage/nats/natstest"
)

// engine is a server of a test.
type engine struct{ *natstest.Server }

func (e engine) Start(t testing.TB) { e.Again(t) }

func (e engine) Wire(t testing.TB) notify.Wire {
	t.Helper()
	w, err := New(Options{Servers: []string{e.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (e engine) connect(t testing.TB) *client.Conn {
	t.Helper()
	c, err := client.Connect(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Overhear gives all that is said on any subject.
func (e engine) Overhear(t testing.TB, heard func([]byte)) {
	t.Helper()
	c := e.connect(t)
	if _, err := c.Subscribe(">", func(m *client.Msg) { heard(append([]byte(m.Subject), m.Data...)) }); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

func (e engine) Shout(t testing.TB, octets []byte) {
	t.Helper()
	c := e.connect(t)
	if err := errors.Join(c.Publish(subject, octets), c.Flush()); err != nil {
		t.Fatal(err)
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	relaytest.Run(t, engine{natstest.Start(t, nil)})
}

func BenchmarkLatency(b *testing.B) {
	relaytest.Latency(b, engine{natstest.Start(b, nil)})
}
