package wire

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
)

// counted is a socket that counts what it is asked to write.
type counted struct {
	net.Conn
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// What goes out over TLS arrives whole and in its order, and the socket is not asked
// for every record of it, of which there are many.
func TestCorkHoldsRecords(t *testing.T) {
	t.Parallel()
	c, client := line(t)
	var want bytes.Buffer
	for i := range 200 {
		p := bytes.Repeat([]byte{byte(i)}, []int{1, 100, oneRecord, oneRecord + 1, 5000, outSize, 3*outSize + 7}[rand.IntN(7)])
		want.Write(p)
	}
	read := make(chan []byte, 1)
	go func() {
		got := make([]byte, want.Len())
		io.ReadFull(client, got)
		read <- got
	}()
	for rest, i := want.Bytes(), 0; len(rest) > 0; i++ {
		n := min(len(rest), 1+i*i%(2*outSize))
		c.Write(rest[:n])
		if rest = rest[n:]; i%50 == 0 {
			must(t, c.Flush())
		}
	}
	must(t, c.Flush())
	if !bytes.Equal(<-read, want.Bytes()) {
		t.Error("what arrived is not what was sent")
	}
	if c.cork.held != nil {
		t.Error("something is held back")
	}
	// At first TLS makes records of 1,400 octets
	c, client = line(t)
	socket := &counted{Conn: c.cork.Conn}
	c.cork.Conn = socket
	go io.Copy(io.Discard, client)
	c.Write(make([]byte, outSize))
	must(t, c.Flush())
	if socket.writes != 1 {
		t.Errorf("the socket was asked %d times for the first %d octets", socket.writes, outSize)
	}
}
