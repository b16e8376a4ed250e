package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealpost/config"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/dns"
)

// makePlace makes the folders and, for a service, who owns them: root the
// configuration, so that the server cannot rewrite it, the service the rest.
func (q *quickstart) makePlace(ctx context.Context) error {
	if !q.service {
		return wrapped("make folder", os.MkdirAll(q.dir, 0o700))
	}
	uid, gid, err := q.look(serviceUser)
	if err != nil {
		if err := q.run(ctx, "useradd", "--system", "--home-dir", "/var/lib/sealpost", "--no-create-home", "--shell", "/usr/sbin/nologin", serviceUser); err != nil {
			return fmt.Errorf("make user %s: %w", serviceUser, err)
		}
		if uid, gid, err = q.look(serviceUser); err != nil {
			return fmt.Errorf("make user %s: %w", serviceUser, err)
		}
		q.tell("user", serviceUser, "made")
	}
	for _, f := range []struct {
		path string
		uid  int
		mode os.FileMode
	}{{"/etc/sealpost", 0, 0o750}, {"/etc/sealpost/dkim", uid, 0o700}, {"/var/lib/sealpost", uid, 0o700}, {"/var/backups/sealpost", uid, 0o700}} {
		if err := makeFolder(q.path(f.path), f.mode, f.uid, gid); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}

func wrapped(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// makeFolder makes a folder of somebody; one that is there stays as it is.
func makeFolder(dir string, mode os.FileMode, uid, gid int) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return errors.Join(os.Chmod(dir, mode), os.Chown(dir, uid, gid))
}

// writeConfig writes the configuration, or reads that of an earlier run.
func (q *quickstart) writeConfig(ctx context.Context) error {
	how := "was there"
	if _, err := os.Stat(q.config); errors.Is(err, fs.ErrNotExist) {
		q.decide(ctx)
		if err := q.writeNew(q.config, []byte(q.configText()), 0o640); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
		how = "written"
	}
	q.tell("configuration", q.config, how)
	var err error
	if q.settings, err = config.Load(q.config); err != nil {
		return err
	}
	q.acme = q.settings.ACME.On
	if !slices.ContainsFunc(q.settings.Domains, func(d string) bool { return canonical(d) == q.address.Domain }) {
		return fmt.Errorf("%s is for %s; sealpost domain add %s adds yours", q.config, strings.Join(q.settings.Domains, ", "), q.address.Domain)
	}
	return nil
}

// decide fills in what was not asked for.
func (q *quickstart) decide(ctx context.Context) {
	if q.Hostname == "" {
		q.Hostname = "mail." + q.address.Domain
	}
	q.acme = q.PortBase == 0 && q.leadsHere(ctx)
	if q.ACME != nil {
		q.acme = *q.ACME
	}
}

// leadsHere says whether the world finds this machine by its name.
func (q *quickstart) leadsHere(ctx context.Context) bool {
	a, err := q.dns.IP(ctx, q.Hostname)
	if err != nil {
		return false
	}
	behind := len(q.own()) == 0
	return slices.ContainsFunc(a.Records, func(ip netip.Addr) bool { return public(ip) && (behind || q.has(ip)) })
}

// writeNew writes a file that was not there; of a service it is root's, and the
// service may read it.
func (q *quickstart) writeNew(file string, text []byte, mode os.FileMode) error {
	if err := writeAside(file, text, mode); err != nil || !q.service {
		return err
	}
	_, gid, err := q.look(serviceUser)
	if err != nil {
		return err
	}
	return os.Chown(file, 0, gid)
}

// give makes a file the service's own.
func (q *quickstart) give(files ...string) error {
	if !q.service {
		return nil
	}
	uid, gid, err := q.look(serviceUser)
	for _, f := range files {
		err = errors.Join(err, os.Chown(f, uid, gid))
	}
	return err
}

func (q *quickstart) configText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by \"sealpost quickstart\" on %s. What is not named here has its default:\n# \"sealpost config\" explains every setting.\n", day(q.now()))
	data, listen := q.path("/var/lib/sealpost"), ""
	if !q.service {
		data = "data"
	}
	if q.PortBase > 0 {
		listen = q.listenText()
	}
	fmt.Fprintf(&b, "data = %q\nhostname = %q\ndomains = [%q]\n\n", data, q.Hostname, q.address.Domain)
	b.WriteString("# Certificates by ACME. on = true says that you agree to the terms of Let's Encrypt:\n# https://letsencrypt.org/repository/\n")
	fmt.Fprintf(&b, "[acme]\non = %t\nemail = %q\n\n", q.acme, q.address.String())
	b.WriteString("# Used while acme.on is false. quickstart makes a self-signed one: mail comes in encrypted,\n# and mail programs complain.\n")
	fmt.Fprintf(&b, "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n\n[queue]\nkey = \"node.key\"\n\n[dkim]\nfolder = \"dkim\"\n%s", listen)
	return b.String()
}

// listenText moves every door, out of reach of other machines.
func (q *quickstart) listenText() string {
	at := func(port int) string { return strconv.Quote("127.0.0.1:" + strconv.Itoa(q.PortBase+port)) }
	return fmt.Sprintf("\n[smtp]\nlisten = [%s]\n\n[submission]\nlisten_tls = [%s]\nlisten = [%s]\n\n[imap]\nlisten_tls = [%s]\n\n[http]\nlisten = [%s]\nlisten_tls = [%s]\n",
		at(25), at(465), at(587), at(993), at(80), at(443))
}

func (q *quickstart) makeNodeKey(context.Context) error {
	file := q.settings.Queue.Key
	how := "made; keep a copy elsewhere"
	if _, err := nodekey.Make(file); errors.Is(err, fs.ErrExist) {
		how = "was there"
	} else if err := errors.Join(err, ifNil(err, func() error { return q.give(file) })); err != nil {
		return err
	}
	q.tell("node key", file, how)
	return nil
}

// ifNil does something unless an error came before.
func ifNil(err error, do func() error) error {
	if err != nil {
		return nil
	}
	return do()
}

func (q *quickstart) makeDKIM(ctx context.Context) error {
	made, err := folderRack(q.settings.DKIM.Folder).add(ctx, q.address.Domain, keySigns, q.now())
	if err != nil {
		return err
	}
	q.tell("DKIM keys", filepath.Join(q.settings.DKIM.Folder, q.address.Domain), choose(made, "made", "were there"))
	return nil
}

// selfSigned stands in front of a certificate that nobody vouches for.
const selfSigned = "Self-signed by sealpost quickstart, so that mail can come in encrypted from the\nfirst hour. Nobody vouches for it: set acme.on = true, or put another here.\n"

// selfSignedFor is how long such a certificate is good: it proves nothing, and there
// is nobody to renew it.
const selfSignedFor = 10 * 365 * 24 * time.Hour

func (q *quickstart) makeCertificate(context.Context) error {
	files := q.settings.TLS
	if q.acme {
		q.tell("certificate", "by ACME from "+orElse(authority(q.settings.ACME), q.settings.ACME.Directory), "once the server runs")
		return nil
	}
	if _, err := os.Stat(files.Certificate); err == nil {
		q.tell("certificate", files.Certificate, "was there")
		return nil
	}
	t := template(q.settings.Hostname, selfSignedFor)
	t.DNSNames, t.IPAddresses = nil, nil
	for _, name := range []string{q.settings.Hostname, "mta-sts." + q.address.Domain, "autoconfig." + q.address.Domain, "openpgpkey." + q.address.Domain} {
		if name, err := dns.Normal(name); err == nil {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	if err := q.issue(t, files); err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	q.tell("certificate", files.Certificate, "self-signed, for now")
	return nil
}

// issue makes both files, marked for what they are.
func (q *quickstart) issue(t *x509.Certificate, files config.TLS) error {
	if err := issue(t, nil, files.Certificate, files.Key); err != nil {
		return err
	}
	text, err := os.ReadFile(files.Certificate)
	if err != nil {
		return err
	}
	return errors.Join(writeAside(files.Certificate, append([]byte(selfSigned), text...), 0o600), q.give(files.Certificate, files.Key))
}

// writeZone writes the records to a file; one that is there may have been edited.
func (q *quickstart) writeZone(ctx context.Context) error {
	p, err := newPlan(ctx, q.settings, q.address.Domain, addressesOf(ctx, q.settings.Hostname, q.world))
	if err != nil {
		return err
	}
	file := filepath.Join(q.dir, p.Domain+".zone")
	if _, err := os.Stat(file); err == nil {
		q.tell("DNS records", file, "was there; sealpost dns records has the newest")
		return nil
	}
	q.tell("DNS records", file, "written")
	return wrapped("write zone file", writeAside(file, []byte(p.zone(q.now())), 0o644))
}

// copyProgram puts this program where a service can start it, if nobody has.
func copyProgram(from, to string) (done bool, err error) {
	if _, err := os.Stat(to); err == nil {
		return false, nil
	}
	in, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, err
	}
	out, err := os.CreateTemp(filepath.Dir(to), ".sealpost.*")
	if err != nil {
		return false, err
	}
	defer os.Remove(out.Name()) // gone when the rename was done
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(out.Name(), to)
}
