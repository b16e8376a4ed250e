package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// sealpostConfig is the default, but for places, ports and names, for whether mail
// is judged, and for limits that ten people who send all day from one address
// would reach.
const sealpostConfig = `
hostname = "mx.bench.test"
domains = ["bench.test"]
data = "data"

[tls]
certificate = %[1]q
key = %[2]q

[smtp]
listen = [%[3]q]
connections_per_address = 200

[screen]
on = %[6]v
mails_per_hour = 0
mails_per_hour_of_domain = 0

[submission]
listen_tls = [%[5]q]
listen = []
connections_per_address = 200
recipients_per_hour = 10000000
recipients_per_day = 10000000
recipients_per_hour_of_password = 10000000
warm_up = "0s"

[queue]
key = "node.key"
mails_per_account = 100000

[outbound]
port = %[7]d

[dkim]
folder = "dkim"

[dns]
servers = [%[8]q]

[imap]
listen_tls = [%[4]q]
%[9]s

[http]
listen = []
listen_tls = []
%[10]s
`

// settings are what sealposts under measure differ in.
type settings struct {
	profile string
	judge   bool
	port    int      // of servers elsewhere; 0: 25, and nothing is sent
	people  []string // accounts; nil: users
	imap    string   // lines for the section of that name
	more    string   // other sections
	first   *peer    // a node of the same cluster, which has made the accounts; nil: they are made
}

// buildSealpost builds the binary, once a run, as `make build` does.
func (s *site) buildSealpost(ctx context.Context) error {
	if s.sealpost != "" {
		return nil
	}
	s.sealpost = filepath.Join(s.dir, "sealpost-binary")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.sealpost, "./cmd/sealpost")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build sealpost (run this in the top folder of the repository): %w\n%s", err, text)
	}
	return nil
}

// startSealpost makes the accounts with the real commands and starts the server.
// Every account has a key of its own and a list key, so that every mail gets
// its message, its terms and its card.
func startSealpost(ctx context.Context, s *site, name string, set settings) (*peer, error) {
	if err := s.buildSealpost(ctx); err != nil {
		return nil, err
	}
	dir, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	p := &peer{name: name, in: target{addr: loopback(ports[0])}, imap: loopback(ports[1]), folders: []string{filepath.Join(dir, "data")}}
	p.submit = loopback(ports[2])
	config, err := s.write(fmt.Sprintf(sealpostConfig, s.cert, s.key, p.in.addr, p.imap, p.submit, set.judge, cmp.Or(set.port, 25), s.zone.addr, set.imap, set.more), name, "sealpost.toml")
	if err != nil {
		return nil, err
	}
	if set.first != nil {
		p.password = set.first.password
		if err := s.copyKey(nodeKey, set.first, p); err != nil {
			return nil, err
		}
		return p, s.serve(ctx, p)
	}
	if set.people == nil {
		set.people = users()
	}
	passwords, err := s.addAccounts(ctx, dir, config, set)
	if err != nil {
		return nil, err
	}
	p.password = func(user string) string { return passwords[user] }
	return p, s.serve(ctx, p)
}

// nodeKey is the file, beside the settings, of the key that all nodes of a cluster have.
const nodeKey = "node.key"

// config is the file a sealpost was started with.
func (s *site) config(p *peer) string { return filepath.Join(s.dir, p.name, "sealpost.toml") }

// serve starts the server in a new group and notes how long it took to greet.
func (s *site) serve(ctx context.Context, p *peer) error {
	log, err := os.OpenFile(filepath.Join(s.dir, p.name, "sealpost.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.group = newGroup(p.name)
	start := time.Now()
	if err := p.group.start(exec.Command(s.sealpost, "serve", "--config", s.config(p)), log); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = awaitBanner(ctx, p.in.addr, "220")
	p.launch = time.Since(start)
	if err != nil {
		return errors.Join(err, p.group.stop(ctx, time.Second))
	}
	return nil
}

// restart stops the server and starts it again on the same data.
func (s *site) restart(ctx context.Context, p *peer) error {
	if err := p.stop(ctx); err != nil {
		return err
	}
	return s.serve(ctx, p)
}

// addAccounts makes all people and returns their app passwords.
func (s *site) addAccounts(ctx context.Context, dir, config string, set settings) (map[string]string, error) {
	passwords := map[string]string{}
	for _, user := range set.people {
		key, listKey, err := makeKeys(dir, user)
		if err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
		if err := command(ctx, s.sealpost, "account", "add", address(user), "--config", config,
			"--key", key, "--list-key", listKey, "--profile", set.profile); err != nil {
			return nil, fmt.Errorf("add account: %w", err)
		}
		text, err := output(ctx, s.sealpost, "password", "add", address(user), "--config", config, "--name", "bench")
		if err != nil {
			return nil, fmt.Errorf("add password: %w", err)
		}
		passwords[user] = lastLine(text)
	}
	return passwords, nil
}

// makeKeys writes a Curve25519 certificate and the public half of a list key.
func makeKeys(dir, user string) (cert, listKey string, err error) {
	entity, err := openpgp.NewEntity(user, "", address(user), &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		return "", "", err
	}
	var text bytes.Buffer
	w, err := armor.Encode(&text, openpgp.PublicKeyType, nil)
	if err != nil {
		return "", "", err
	}
	if err := errors.Join(entity.Serialize(w), w.Close()); err != nil {
		return "", "", err
	}
	list, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKIXPublicKey(list.PublicKey())
	if err != nil {
		return "", "", err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	cert, listKey = filepath.Join(dir, user+".asc"), filepath.Join(dir, user+".list")
	return cert, listKey, errors.Join(
		os.WriteFile(cert, text.Bytes(), 0o644),
		os.WriteFile(listKey, public, 0o644))
}
