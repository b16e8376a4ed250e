// Package s3test runs an S3 server over a folder, as a process, for tests and for bench. The server is built
// of modules of its own that pin it (test/versitygw).
package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The keys that the server knows.
const (
	AccessKey = "tester"
	SecretKey = "tester-secret"
)

// Gateway is a server at work.
type Gateway struct {
	Root string // a folder for each bucket, in which objects are files
	sock string
	cmd  *exec.Cmd
	said bytes.Buffer
}

// Start builds the server of the repository in folder repo and runs it in dir, which is empty.
func Start(repo, dir string) (*Gateway, error) {
	g := &Gateway{Root: Root(dir), sock: filepath.Join(dir, "sock")}
	var err error
	if g.cmd, err = Command(repo, dir, g.sock); err != nil {
		return nil, err
	}
	g.cmd.Stdout, g.cmd.Stderr = &g.said, &g.said
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if c, err := net.Dial("unix", g.sock); err == nil {
			c.Close()
			return g, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	g.Stop()
	return nil, fmt.Errorf("versitygw does not answer: %s", g.said.String())
}

// Root is where a server in dir keeps what it is given.
func Root(dir string) string { return filepath.Join(dir, "root") }

// Command builds the server, and is what runs it in dir: it listens on a socket of that name, or on
// an address with a port.
func Command(repo, dir, address string) (*exec.Cmd, error) {
	build := exec.Command("go", "build", "-modfile=test/versitygw/gateway.mod", "-o", filepath.Join(dir, "versitygw"), "./test/versitygw/main.go")
	build.Dir = repo
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build versitygw: %w\n%s", err, text)
	}
	beside := filepath.Join(dir, "beside")
	for _, d := range []string{Root(dir), beside} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	return exec.Command(filepath.Join(dir, "versitygw"), Root(dir), beside, address), nil
}

// Stop ends the server. What it kept stays.
func (g *Gateway) Stop() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}

// Proxy passes requests on to the server, and tells failed of those that did not arrive.
func (g *Gateway) Proxy(failed func(error)) http.Handler {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", g.sock)
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "gateway" },
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			failed(err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}
