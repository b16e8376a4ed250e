package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// postfixMain is Debian's default, but for places, ports, the virtual domain and
// a log file of its own. No chroot (see postfixMaster), which is a little faster.
const postfixMain = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/postfix.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.bench.test
mydestination =
alias_maps =
alias_database =
biff = no
append_dot_mydomain = no
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = texthash:%[1]s/users
virtual_transport = lmtp:inet:%[2]s
`

// postfixMaster is Debian's master.cf without the services that a server of
// virtual mailboxes does not need.
const postfixMaster = `
%[1]s inet n - n - - smtpd%[2]s
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts Dovecot and, in front of it and in the same group, Postfix.
func startPostfix(ctx context.Context, s *site, name string, crypt bool) (*peer, error) {
	more := ""
	if crypt {
		var err error
		if more, err = s.configureCrypt(name); err != nil {
			return nil, err
		}
	}
	g := newGroup(name)
	p, err := startDovecot(ctx, s, g, name, more)
	if err != nil {
		return nil, errors.Join(err, g.stop(ctx, time.Second))
	}
	if err := s.addPostfix(ctx, p); err != nil {
		return nil, errors.Join(err, g.stop(ctx, time.Second))
	}
	return p, nil
}

// addPostfix puts Postfix in front of the peer's LMTP.
func (s *site) addPostfix(ctx context.Context, p *peer) error {
	config, port, err := s.configurePostfix(p)
	if err != nil {
		return fmt.Errorf("configure Postfix: %w", err)
	}
	home := filepath.Dir(config)
	cmd := exec.Command("postfix", "-c", config, "start-fg")
	log, err := os.Create(filepath.Join(home, "start.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if err := p.group.start(cmd, log); err != nil {
		return err
	}
	queue := filepath.Join(home, "queue")
	p.in = target{addr: loopback(port)}
	p.folders = append(p.folders, queue)
	folders := loadMaildirs(filepath.Join(s.dir, p.name))
	p.arrived = func(ctx context.Context, n int) error { return awaitMaildirs(ctx, folders, n) }
	p.settle = func(ctx context.Context) error { return awaitQueue(ctx, queue) }
	return awaitBanner(ctx, p.in.addr, "220")
}

// configurePostfix writes main.cf and master.cf of an instance of its own.
func (s *site) configurePostfix(p *peer) (string, int, error) {
	ports, err := freePorts(1)
	if err != nil {
		return "", 0, err
	}
	var list strings.Builder
	for _, user := range users() {
		fmt.Fprintf(&list, "%s ok\n", address(user))
	}
	home := filepath.Join(s.dir, p.name, "postfix")
	name := func(file string) []string { return []string{p.name, "postfix", file} }
	_, errUsers := s.write(list.String(), name("users")...)
	_, errMain := s.write(fmt.Sprintf(postfixMain, home, p.in.addr), name("config/main.cf")...)
	_, errMaster := s.write(fmt.Sprintf(postfixMaster, loopback(ports[0]), ""), name("config/master.cf")...)
	_, errQueue := s.folder(p.name, "postfix", "queue")
	return filepath.Join(home, "config"), ports[0], errors.Join(errUsers, errMain, errMaster, errQueue)
}

// awaitQueue waits until no mail is in the queue; one that was deferred would
// wait for minutes, and ends the waiting with an error.
func awaitQueue(ctx context.Context, queue string) error {
	return await(ctx, 10*time.Millisecond, func() (bool, error) {
		for _, part := range []string{"maildrop", "incoming", "active"} {
			names, err := entryNames(filepath.Join(queue, part))
			if err != nil || len(names) > 0 {
				return false, err
			}
		}
		return true, noneDeferred(filepath.Join(queue, "deferred"))
	})
}

func noneDeferred(folder string) error {
	return filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			return errors.New("Postfix deferred a mail; its log tells why")
		}
		return nil
	})
}
