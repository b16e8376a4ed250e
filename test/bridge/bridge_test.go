package bridge_test

import (
	"io"
	"net"
	"testing"
	"time"

	"sealpost/test/bridge"
)

// echo is a server that says what it hears; ended gets a word for each connection that ends.
func echo(t *testing.T) (b *bridge.Bridge, ended chan bool) {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan bool, 100)
	go func() {
		for {
			c, err := door.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
				ended <- true
			}()
		}
	}()
	b, err = bridge.New("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(); door.Close() })
	return b, ended
}

func dial(t *testing.T, b *bridge.Bridge) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// says is whether what is said comes back in time.
func says(c net.Conn, wait time.Duration) bool {
	c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write([]byte("hello")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err == nil
}

const (
	long  = 20 * time.Second
	short = 100 * time.Millisecond
)

func TestBridge(t *testing.T) {
	t.Parallel()
	b, ended := echo(t)
	c := dial(t, b)
	if !says(c, long) {
		t.Fatal("nothing passes")
	}
	for _, direction := range []int{bridge.There, bridge.Back} {
		b.Hold(direction)
		if says(c, short) {
			t.Errorf("what is held in direction %d passes", direction)
		}
		b.Hold()
		c.SetDeadline(time.Now().Add(long))
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("what was held is lost: %v", err)
		}
	}
	b.Cut()
	if says(c, long) {
		t.Error("a cut connection goes on")
	}
	<-ended
	c = dial(t, b)
	b.CutAfter(12)
	if !says(c, long) || says(c, long) {
		t.Error("it was not cut in the middle of the second word")
	}
	<-ended
	b.Shut(true)
	if says(dial(t, b), long) {
		t.Error("it is open, and was shut")
	}
	b.Mend()
	c = dial(t, b)
	if !says(c, long) {
		t.Error("it was not mended")
	}
	b.Lose(1)
	if says(c, long) {
		t.Error("an answer that was to be lost came")
	}
	<-ended
	b.Mend()
	if c = dial(t, b); !says(c, long) {
		t.Error("it was not mended")
	}
	b.Abandon()
	if says(c, long) {
		t.Error("who was abandoned goes on")
	}
	select {
	case <-ended:
		t.Error("the server knows that nobody is there")
	case <-time.After(short):
	}
	b.Cut()
	<-ended
	if c = dial(t, b); !says(c, long) {
		t.Error("nothing passes after a cut")
	}
	b.Strand()
	if says(c, short) || !says(dial(t, b), long) {
		t.Error("what was there passes, or what came does not")
	}
	b.Cut()
	other, _ := echo(t)
	b.Lead("tcp", other.Address())
	if !says(dial(t, b), long) {
		t.Error("it does not lead to the other server")
	}
	if n, _ := other.Passed(); n != 10 {
		t.Errorf("%d octets passed over the other one", n)
	}
}
