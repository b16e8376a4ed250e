package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Files: what the drive's clients carry in a second, beside curl with the same bytes to
// and from the same server. All of them take turns.

const (
	fileSize  = 300_000_000
	fileTurns = 5
	filePart  = 8 << 20
	davWord   = "a password for the bench"
)

// A haul is one way to carry a file, and how each turn went.
type haul struct {
	name, beside string // beside: whose bytes it is compared with; empty: nobody's
	rates        []float64
	cpu          []float64 // seconds of the programs of this side
}

func (h haul) rate() float64 { return median(h.rates) }

// hauls are all that was measured of files.
type hauls struct {
	cipher []string // lines of go test -bench
	ways   []haul
	chores []chore
}

func (f *hauls) note(name, beside string, took, cpu time.Duration) {
	for i := range f.ways {
		if f.ways[i].name == name {
			f.ways[i].rates = append(f.ways[i].rates, fileSize/1e6/took.Seconds())
			f.ways[i].cpu = append(f.ways[i].cpu, cpu.Seconds())
			return
		}
	}
	f.ways = append(f.ways, haul{name: name, beside: beside})
	f.note(name, beside, took, cpu)
}

func (f *hauls) named(name string) haul {
	for _, h := range f.ways {
		if h.name == name {
			return h
		}
	}
	return haul{}
}

// carrier is the device that carries: a server with one account, and a bridge to it.
type carrier struct {
	s            *site
	dir          string
	server       *group
	bridge       *group
	api          string // address of the API
	web, ca, kit string
	address      string
	word         string // app password
	source       string
	davURL       string
}

func (r *record) measureFiles(ctx context.Context, s *site, _ string) (err error) {
	if r.files.cipher, err = ciphers(ctx); err != nil {
		return err
	}
	r.say("the format beside its cipher: %d figures", len(r.files.cipher))
	if _, err := exec.LookPath("curl"); err != nil {
		r.say("no curl, so nothing to carry beside")
		return nil
	}
	c, err := newCarrier(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop(ctx)) }()
	for turn := range max(fileTurns, r.plan.repeats) {
		if err := c.turn(ctx, &r.files, turn); err != nil {
			return fmt.Errorf("turn %d: %w", turn, err)
		}
	}
	for _, h := range r.files.ways {
		r.say("%s: %s MB/s", h.name, significant(h.rate()))
	}
	if !installed("rsync") {
		r.say("no rsync, so no folders to keep alike beside")
		return nil
	}
	if err := c.alike(ctx, &r.files); err != nil {
		return err
	}
	for _, h := range r.files.chores {
		r.say("%s: %s s", h.name, significant(median(h.took)))
	}
	return nil
}

// ciphers runs the format's own measure, against x/crypto's cipher over the same chunks.
func ciphers(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "500ms", "-count", "3", "./filestore/sealed").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("measure the format: %w: %s", err, lastLine(string(out)))
	}
	best := map[string]string{}
	var names []string
	for line := range strings.SplitSeq(string(out), "\n") {
		f := strings.Fields(line)
		if len(f) < 6 || f[5] != "MB/s" {
			continue
		}
		if _, known := best[f[0]]; !known {
			names = append(names, f[0])
		}
		if best[f[0]] == "" || number(f[4]) > number(best[f[0]]) {
			best[f[0]] = f[4]
		}
	}
	for i, name := range names {
		names[i] = name + " " + best[name]
	}
	return names, nil
}

func number(text string) (n float64) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

func newCarrier(ctx context.Context, s *site) (c *carrier, err error) {
	if err := s.buildSealpost(ctx); err != nil {
		return nil, err
	}
	c = &carrier{s: s, server: newGroup("files"), bridge: newGroup("bridge")}
	if c.dir, err = s.folder("files"); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	base := freeBase()
	demo := filepath.Join(c.dir, "demo")
	if err := c.server.start(exec.Command(s.sealpost, "demo", "--dir", demo, "--port-base", fmt.Sprint(base)), log); err != nil {
		return nil, err
	}
	if err := c.meet(ctx, demo); err != nil {
		return nil, errors.Join(err, c.stop(ctx))
	}
	c.source = filepath.Join(c.dir, "source")
	if err := randomFile(c.source); err != nil {
		return nil, errors.Join(err, c.stop(ctx))
	}
	word := filepath.Join(c.dir, "word")
	err = os.WriteFile(word, []byte(davWord), 0o600)
	if err == nil {
		_, _, err = c.run(ctx, "file", "login", c.address, "--server", c.web, "--ca", c.ca, "--kit-file", c.kit, "--profile", c.profile())
	}
	if err == nil {
		err = c.readWord()
	}
	if err == nil {
		at := net.JoinHostPort("127.0.0.1", fmt.Sprint(base+80))
		c.davURL = "http://" + at + "/"
		err = c.bridge.start(exec.Command(s.sealpost, "file", "dav", "--profile", c.profile(), "--listen", at, "--password-file", word), log)
		pause(ctx, time.Second)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop(ctx))
	}
	return c, nil
}

func (c *carrier) profile() string { return filepath.Join(c.dir, "profile") }

// readWord reads the app password that login made, for curl.
func (c *carrier) readWord() error {
	var p struct{ Password string }
	text, err := os.ReadFile(c.profile())
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	c.word = p.Password
	return err
}

func (c *carrier) stop(ctx context.Context) error {
	defer c.server.killRest()
	defer c.bridge.killRest()
	return errors.Join(c.bridge.stop(ctx, 5*time.Second), c.server.stop(ctx, 10*time.Second))
}

// freeBase is where a demo finds its ports free, as far as two of them tell.
func freeBase() int {
	for base := 21000; base < 60000; base += 1000 {
		if a, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+443)); err == nil {
			a.Close()
			if b, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+25)); err == nil {
				b.Close()
				return base
			}
		}
	}
	return 20000
}

// meet waits for the demo and reads who lives there.
func (c *carrier) meet(ctx context.Context, demo string) error {
	var facts struct {
		HTTPS, CA string
		Accounts  []struct{ Address, Kit, Web string }
	}
	for range 300 {
		text, err := os.ReadFile(filepath.Join(demo, "demo.json"))
		if err == nil && json.Unmarshal(text, &facts) == nil && len(facts.Accounts) > 0 {
			a := facts.Accounts[0]
			c.api, c.web, c.ca, c.address = strings.TrimSuffix(a.Web, "/")+"/api/v1", a.Web, facts.CA, a.Address
			c.kit = filepath.Join(c.dir, "kit")
			return os.WriteFile(c.kit, []byte(a.Kit), 0o600)
		}
		pause(ctx, 100*time.Millisecond)
	}
	return errors.New("the demo did not get ready")
}

// randomFile writes the file that is carried: nothing in it is shorter than it is.
func randomFile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, fileSize)
	return errors.Join(err, f.Sync(), f.Close())
}

// run runs sealpost to its end.
func (c *carrier) run(ctx context.Context, args ...string) (took, cpu time.Duration, err error) {
	return timed(exec.CommandContext(ctx, c.s.sealpost, args...))
}

func timed(cmd *exec.Cmd) (took, cpu time.Duration, err error) {
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took = time.Since(begin)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastLine(string(out)))
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// Names of what carries.
const (
	curlPut = "curl, PUT of 4 parts at a time"
	curlGet = "curl, GET"
	filePut = "sealpost file put"
	fileGet = "sealpost file get"
	davPut  = "WebDAV, PUT"
	davGet  = "WebDAV, GET"
)

// turn carries the file each way once. Who begins changes with the turn.
func (c *carrier) turn(ctx context.Context, all *hauls, turn int) error {
	ways := []func(context.Context, *hauls) error{c.byCurl, c.byFile, c.byDav}
	for i := range ways {
		if err := ways[(turn+i)%len(ways)](ctx, all); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) byFile(ctx context.Context, all *hauls) error {
	took, cpu, err := c.run(ctx, "file", "put", c.source, "--profile", c.profile(), "--cache", filepath.Join(c.dir, "cache"))
	if err != nil {
		return err
	}
	all.note(filePut, curlPut, took, cpu)
	back := filepath.Join(c.dir, "back")
	if took, cpu, err = c.run(ctx, "file", "get", "/source", back, "--profile", c.profile()); err != nil {
		return err
	}
	all.note(fileGet, curlGet, took, cpu)
	_, _, err = c.run(ctx, "file", "rm", "--now", "/source", "--profile", c.profile())
	return errors.Join(err, os.Remove(back))
}

// byDav asks the bridge by curl; the bridge's own work is in its time.
func (c *carrier) byDav(ctx context.Context, all *hauls) error {
	who, back := "sealpost:"+davWord, filepath.Join(c.dir, "back")
	at := c.davURL + "film"
	before, err := c.bridge.cpu()
	if err != nil {
		return err
	}
	took, cpu, err := timed(exec.CommandContext(ctx, "curl", "-sf", "-u", who, "-T", c.source, at))
	if err != nil {
		return err
	}
	middle, err := c.bridge.cpu()
	if err != nil {
		return err
	}
	all.note(davPut, curlPut, took, cpu+middle-before)
	if took, cpu, err = timed(exec.CommandContext(ctx, "curl", "-sf", "-u", who, "-o", back, at)); err != nil {
		return err
	}
	after, err := c.bridge.cpu()
	if err != nil {
		return err
	}
	all.note(davGet, curlGet, took, cpu+after-middle)
	_, _, err = c.run(ctx, "file", "rm", "--now", "/film", "--profile", c.profile())
	return errors.Join(err, os.Remove(back))
}

// byCurl sends the bytes as they are, as parts that lie ready with their digests: the
// server's part of the work, TLS, and nothing else.
func (c *carrier) byCurl(ctx context.Context, all *hauls) error {
	var f struct{ ID string }
	out, err := c.curl(ctx, "-H", "Content-Type: application/json", "-d", fmt.Sprintf(`{"size":%d}`, fileSize), c.api+"/files").Output()
	if err == nil {
		err = json.Unmarshal(out, &f)
	}
	if err != nil {
		return fmt.Errorf("declare: %w", err)
	}
	config, err := c.parts(f.ID)
	if err != nil {
		return err
	}
	took, cpu, err := timed(exec.CommandContext(ctx, "curl", "--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", "4", "-K", config))
	if err != nil {
		return err
	}
	took2, cpu2, err := timed(c.curl(ctx, "-X", "POST", c.api+"/files/"+f.ID+"/complete"))
	if err != nil {
		return err
	}
	all.note(curlPut, "", took+took2, cpu+cpu2)
	back := filepath.Join(c.dir, "back")
	if took, cpu, err = timed(c.curl(ctx, "-o", back, c.api+"/files/"+f.ID+"/content")); err != nil {
		return err
	}
	all.note(curlGet, "", took, cpu)
	_, _, err = timed(c.curl(ctx, "-X", "DELETE", c.api+"/files/"+f.ID))
	return errors.Join(err, os.Remove(back))
}

func (c *carrier) curl(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "curl", append([]string{"-sf", "--cacert", c.ca, "-u", c.address + ":" + c.word}, args...)...)
}

// parts cuts the source, and writes what curl is to do with the pieces.
func (c *carrier) parts(id string) (config string, err error) {
	f, err := os.Open(c.source)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	buf := make([]byte, filePart)
	for n := 0; ; n++ {
		m, err := io.ReadFull(f, buf)
		if m == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", err
		}
		name := filepath.Join(c.dir, fmt.Sprintf("part%d", n))
		if err := os.WriteFile(name, buf[:m], 0o600); err != nil {
			return "", err
		}
		if n > 0 {
			b.WriteString("next\n")
		}
		sum := sha256.Sum256(buf[:m])
		fmt.Fprintf(&b, "silent\nfail\ncacert = %q\nuser = %q\nupload-file = %q\nurl = %q\n", c.ca, c.address+":"+c.word, name, fmt.Sprintf("%s/files/%s/parts/%d", c.api, id, n))
		fmt.Fprintf(&b, "header = \"Content-Type: application/octet-stream\"\nheader = \"Content-Digest: sha-256=:%s:\"\n", base64.StdEncoding.EncodeToString(sum[:]))
	}
	config = filepath.Join(c.dir, "curl.parts")
	return config, os.WriteFile(config, []byte(b.String()), 0o600)
}
