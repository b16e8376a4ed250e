package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sealpost/config"
)

type demoCommand struct {
	Dir      string `default:"sealpost-demo" placeholder:"DIR" help:"Folder of the demo (default: ${default}); starting again in it keeps everything."`
	PortBase int    `default:"2000" placeholder:"N" help:"SMTP listens on N+25, submission on N+465 and N+587, IMAP on N+143 and N+993, HTTPS on N+443 (default: ${default})."`

	Set map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Another setting of the server, as its configuration has it, such as screen.on=true; may be repeated."`
}

func (cmd demoCommand) Help() string {
	return "A server for demo.test on loopback with the accounts alice and bob. What the server has lies in DIR/server; " +
		"what only its clients have, such as secret keys, lies in DIR/clients. DIR/demo.json tells programs all of it."
}

const demoDomain = "demo.test"

// A demo is one folder with a server and its clients, never mixed.
type demo struct {
	dir, server, clients string // absolute
	base                 int
	set                  map[string]string // settings beside or instead of those of every demo
	people               []person
}

// demoFacts is demo.json.
type demoFacts struct {
	SMTP        string   `json:"smtp"`
	Submission  string   `json:"submission"`
	Submissions string   `json:"submissions"`
	IMAP        string   `json:"imap"`
	IMAPS       string   `json:"imaps"`
	HTTPS       string   `json:"https"`
	CA          string   `json:"ca"`
	Config      string   `json:"config"`
	Accounts    []person `json:"accounts"`
}

func (cmd demoCommand) Run(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if cmd.PortBase < 0 || cmd.PortBase+993 > 65535 {
		return fmt.Errorf("--port-base %d: expected 0 to %d", cmd.PortBase, 65535-993)
	}
	d, err := newDemo(cmd.Dir, cmd.PortBase)
	if err != nil {
		return err
	}
	d.set = cmd.Set
	settings, err := d.settings()
	if err != nil {
		return err
	}
	err = serve(ctx, settings, newLog(settings.Log, c.Err), occasions{
		prepare: d.prepare,
		ready: func(*server) error {
			if err := d.tell(); err != nil {
				return err
			}
			return d.explain(c, cmd.Dir)
		},
	})
	switch {
	case inUse(err):
		return fmt.Errorf("a demo is running in %s already", cmd.Dir)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; another demo may be running: stop it, or choose other ports with --port-base", err)
	}
	return err
}

// newDemo makes the folders, and the certificates where they are missing.
func newDemo(dir string, base int) (*demo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find folder of the demo: %w", err)
	}
	d := &demo{dir: dir, server: filepath.Join(dir, "server"), clients: filepath.Join(dir, "clients"), base: base}
	for _, folder := range []string{d.server, d.clients} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("make folder of the demo: %w", err)
		}
	}
	if err := d.certify(); err != nil {
		return nil, fmt.Errorf("make certificates of the demo: %w", err)
	}
	return d, nil
}

func (d *demo) at(port int) string { return fmt.Sprintf("127.0.0.1:%d", d.base+port) }

func (d *demo) configFile() string { return filepath.Join(d.server, "sealpost.toml") }

func (d *demo) configText() string {
	text := d.baseText()
	for _, key := range slices.Sorted(maps.Keys(d.set)) {
		text = withSetting(text, key, d.set[key])
	}
	return text
}

// withSetting puts a setting into a text of tables, instead of what that says of it.
func withSetting(text, key, value string) string {
	table, name, ok := strings.Cut(key, ".")
	line := name + " = " + value + "\n"
	if !ok {
		return key + " = " + value + "\n" + text
	}
	head := "\n[" + table + "]\n"
	before, after, ok := strings.Cut(text, head)
	if !ok {
		return text + head + line
	}
	lines := strings.SplitAfter(after, "\n")
	end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "[") })
	if end < 0 {
		end = len(lines)
	}
	own := slices.DeleteFunc(slices.Clone(lines[:end]), func(l string) bool { return strings.HasPrefix(l, name+" =") })
	return before + head + line + strings.Join(own, "") + strings.Join(lines[end:], "")
}

func (d *demo) baseText() string {
	return fmt.Sprintf(`# Written by "sealpost demo" at each start. All settings: sealpost config
data = "data"
hostname = "mail.%[1]s"
domains = ["%[1]s"]

[tls]
certificate = "tls.pem"
key = "tls.key"

[queue]
key = "node.key"

[dkim]
folder = "dkim"

[screen]
on = false

[smtp]
listen = ["%[2]s"]

[submission]
listen = ["%[5]s"]
listen_tls = ["%[6]s"]

[http]
listen = []
listen_tls = ["%[7]s"]
names = ["localhost"]

[imap]
listen = ["%[3]s"]
listen_tls = ["%[4]s"]
`, demoDomain, d.at(25), d.at(143), d.at(993), d.at(587), d.at(465), d.at(443))
}

// settings reads the configuration as serve would. Its file is written later,
// once it is certain that no other demo runs here.
func (d *demo) settings() (config.Config, error) {
	c, err := config.Parse(d.configFile(), d.configText())
	if err != nil {
		return c, err
	}
	return c.Resolved(d.server), nil
}

// prepare is called with the office open and the doors still closed.
func (d *demo) prepare(ctx context.Context, o *office) error {
	if err := os.Remove(filepath.Join(d.dir, "demo.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old demo.json: %w", err)
	}
	if err := writeAside(d.configFile(), []byte(d.configText()), 0o600); err != nil {
		return fmt.Errorf("write configuration of the demo: %w", err)
	}
	for _, name := range []string{"alice", "bob"} {
		p, err := d.settle(ctx, o, name)
		if err != nil {
			return fmt.Errorf("make account %s: %w", name, err)
		}
		d.people = append(d.people, p)
	}
	return nil
}

// tell writes demo.json aside and renames it: whole, and only once the doors are
// open. That of an earlier run was removed at the start.
func (d *demo) tell() error {
	text, err := json.MarshalIndent(demoFacts{
		SMTP:        d.at(25),
		Submission:  d.at(587),
		Submissions: d.at(465),
		IMAP:        d.at(143),
		IMAPS:       d.at(993),
		HTTPS:       "https://" + d.at(443),
		CA:          filepath.Join(d.clients, "ca.pem"),
		Config:      d.configFile(),
		Accounts:    d.people,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write demo.json: %w", err)
	}
	if err := writeAside(filepath.Join(d.dir, "demo.json"), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write demo.json: %w", err)
	}
	return nil
}
