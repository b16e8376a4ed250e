package imap_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sealpost/imap"
)

// sleepers is the environment of a process that is nothing but clients: how many,
// where to, and who signs in.
const sleepers = "SEALPOST_TEST_SLEEPERS"

// TestSleepers is that process: it idles until its input ends. As a test of this
// process it has nothing to do.
func TestSleepers(t *testing.T) {
	set := strings.Split(os.Getenv(sleepers), "\n")
	if len(set) < 4 {
		return
	}
	n, _ := strconv.Atoi(set[0])
	for range n {
		c, err := tls.Dial("tcp", set[1], &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in := bufio.NewReader(c)
		fmt.Fprintf(c, "a LOGIN %s %s\r\nb SELECT INBOX\r\nc IDLE\r\n", set[2], set[3])
		for line := ""; !strings.HasPrefix(line, "+"); {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	fmt.Println("asleep")
	io.Copy(io.Discard, os.Stdin)
}

// mostIdle is what a TLS connection that idles may cost of heap and stack.
const mostIdle = 12 << 10

func TestIdleMemory(t *testing.T) {
	const n = 150
	h := build(t, func(s *imap.Server) { s.Limits.PerAccount, s.Limits.PerAddress = n+1, n+1 })
	h.sleep(1) // what is made for the first of all is not of each
	before := held()
	h.sleep(n)
	each := (held() - before) / n
	t.Logf("%d octets for each connection", each)
	if each > mostIdle {
		t.Errorf("a connection that idles holds %d octets, expected at most %d", each, mostIdle)
	}
}

// sleep starts clients in a process of their own, so that their memory is not ours.
func (h *house) sleep(n int) {
	h.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSleepers$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d\n%s\n%s\n%s", sleepers, n, h.imaps, h.alice.address, h.alice.password))
	stdin, err := cmd.StdinPipe()
	h.must(err)
	stdout, err := cmd.StdoutPipe()
	h.must(err)
	h.must(cmd.Start())
	h.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "asleep\n" {
		h.Fatalf("the clients said %q, %v", line, err)
	}
}

func held() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
