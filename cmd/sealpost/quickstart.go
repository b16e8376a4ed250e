package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"sealpost/config"
	"sealpost/mail"
)

type quickstartCommand struct {
	Address  string `arg:"" help:"The first account, such as ann@example.org; its domain is the server's first."`
	Key      string `placeholder:"FILE" type:"existingfile" help:"The owner's OpenPGP public key. Without it a key pair is made, whose secret half you must move away."`
	Dir      string `placeholder:"DIR" type:"path" help:"Keep everything in this folder, for a server that runs as you. Without it: a service of this machine, as root."`
	Hostname string `placeholder:"NAME" help:"Full name of this machine (default: mail.DOMAIN)."`
	ACME     *bool  `name:"acme" negatable:"" help:"Get certificates from Let's Encrypt, whose terms you agree to by it (default: if the name leads here already)."`
	PortBase int    `placeholder:"N" help:"To try it without root: listen on loopback only, at N plus every port."`
	Start    bool   `help:"Start the server: by systemd or, with --dir, in the foreground."`
}

func (cmd quickstartCommand) Help() string {
	return "From an empty machine to a mail server: configuration, keys, the first account, its app password, a sandboxed " +
		"service, and every DNS record to add. Nothing that is there is overwritten; run again, it goes on where it ended."
}

// unitFile is where systemd finds the service.
const unitFile = "/etc/systemd/system/sealpost.service"

// serviceUser is who the service runs as.
const serviceUser = "sealpost"

func (cmd quickstartCommand) Run(ctx context.Context, c console) error {
	m := machine{
		root: "/", uid: os.Geteuid(), look: lookUp,
		run: func(ctx context.Context, name string, args ...string) error {
			if text, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", name, err, text)
			}
			return nil
		},
	}
	return cmd.in(ctx, c, m, theWorld(config.Default().DNS))
}

// A machine is what a service stands on.
type machine struct {
	root string // "/"
	uid  int    // who this is
	run  func(ctx context.Context, name string, args ...string) error
	look func(name string) (uid, gid int, err error)
}

func lookUp(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

func (m machine) path(p string) string { return filepath.Join(m.root, p) }

// A quickstart is one run.
type quickstart struct {
	quickstartCommand
	machine
	world
	address  mail.Address
	config   string // file
	dir      string // of it
	service  bool   // of this machine, not of a folder
	acme     bool
	settings config.Config
	did      []deed

	secret   string // file of a secret key that was made
	account  accountView
	password string // made in this run
}

// A deed is one thing that is there now.
type deed struct {
	what, where, how string
}

func (q *quickstart) tell(what, where, how string) { q.did = append(q.did, deed{what, where, how}) }

// in does it in an order in which every step finds what it needs, and a run that was
// broken off is finished by the next.
func (cmd quickstartCommand) in(ctx context.Context, c console, m machine, w world) error {
	q := &quickstart{quickstartCommand: cmd, machine: m, world: w}
	if err := q.begin(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		q.makePlace, q.writeConfig, q.makeNodeKey, q.makeDKIM, q.makeCertificate, q.writeUnit, q.writeZone, q.startService, q.openAccount, q.givePassword,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := q.explain(ctx, c); err != nil {
		return err
	}
	if !q.Start || q.service {
		return nil
	}
	return q.serveHere(ctx, c)
}

// begin reads what was asked.
func (q *quickstart) begin() (err error) {
	if q.address, err = mail.ParseAddress(q.Address); err != nil {
		return fmt.Errorf("%q is %w", q.Address, err)
	}
	if _, err := readDomain(q.address.Domain); err != nil {
		return err
	}
	if q.Key != "" { // what is wrong with it is told before anything is made
		if _, err := readKey(q.Key); err != nil {
			return err
		}
	}
	if q.PortBase < 0 || q.PortBase+993 > 65535 {
		return fmt.Errorf("--port-base %d: expected 0 to %d", q.PortBase, 65535-993)
	}
	q.service = q.Dir == ""
	if q.dir = q.Dir; q.service {
		q.dir = q.path("/etc/sealpost")
		if q.uid != 0 {
			return errors.New("a service of this machine is set up by root; with --dir DIR a server of your own is made in a folder")
		}
	}
	if q.dir, err = filepath.Abs(q.dir); err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	q.config = filepath.Join(q.dir, "sealpost.toml")
	return nil
}

// serveHere goes on as the server.
func (q *quickstart) serveHere(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	err := serve(ctx, q.settings, newLog(q.settings.Log, c.Err), occasions{})
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w: ports below 1024 are root's; try --port-base 2000 in another folder, or let the program have them: setcap cap_net_bind_service=+ep %s", err, ownName())
	}
	return err
}

// ownerFolder is where a secret key lies until its owner takes it away.
func ownerFolder(dir string) string { return filepath.Join(dir, "owner") }
