package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	texts "text/template"
	"time"
)

// A unit is a service of systemd.
type unit struct {
	Program, Config, Data, User string
	State                       bool // Data is systemd's StateDirectory
	Home                        bool // something of it lies in a home
}

// unitText needs no root at run time: one capability opens the ports below 1024, and
// the rest of the machine is out of sight.
const unitText = `# Written by "sealpost quickstart". Yours to change, by systemctl edit sealpost.
[Unit]
Description=sealpost, an encrypted mail server
After=network-online.target nss-lookup.target time-sync.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={{.Program}} serve --config {{.Config}}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
TimeoutStopSec=60
User={{.User}}
{{- if .State}}
StateDirectory=sealpost
StateDirectoryMode=0700
{{- end}}
ReadWritePaths={{.Data}} -/var/backups/sealpost
UMask=0077
LimitNOFILE=65536

# Nothing that was in memory reaches a disk.
LimitCORE=0
MemorySwapMax=0

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={{if .Home}}read-only{{else}}yes{{end}}
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`

func (u unit) text() (string, error) {
	t, err := texts.New("unit").Parse(unitText)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, u)
	return b.String(), err
}

// installed is where a service of this machine has its program.
const installed = "/usr/local/bin/sealpost"

// writeUnit writes the service, and puts the program where it can be started from.
func (q *quickstart) writeUnit(context.Context) error {
	u := unit{Program: ownName(), Config: q.config, Data: q.settings.Data, User: serviceUser, State: q.settings.Data == "/var/lib/sealpost"}
	file := q.path(unitFile)
	if !q.service {
		if q.uid == 0 {
			return nil // a folder of root's, which no service should run as
		}
		file = filepath.Join(q.dir, "sealpost.service")
		me, err := user.Current()
		if err != nil {
			return nil // a container knows no users, and has no services
		}
		u.User = me.Username
	}
	if _, err := os.Stat(file); err == nil {
		q.tell("service", file, "was there")
		return nil
	}
	if err := q.place(&u); err != nil {
		return fmt.Errorf("write service: %w", err)
	}
	text, err := u.text()
	if err != nil {
		return fmt.Errorf("write service: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write service: %w", err)
	}
	q.tell("service", file, "written")
	return wrapped("write service", writeAside(file, []byte(text), 0o644))
}

// place finds or makes the program that the service starts.
func (q *quickstart) place(u *unit) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	u.Program = program
	if q.service && !strings.HasPrefix(program, "/usr/") {
		u.Program = installed
		done, err := copyProgram(program, q.path(installed))
		if err != nil {
			return err
		}
		if done {
			q.tell("program", q.path(installed), "copied there")
		}
	}
	for _, path := range []string{u.Program, u.Config, u.Data} {
		for _, home := range []string{"/home/", "/root/", "/run/user/"} {
			u.Home = u.Home || strings.HasPrefix(path, home)
		}
	}
	return nil
}

// settled is how long a service may take until it answers.
const settled = 20 * time.Second

// startService has systemd start it, before the account is made: then the server
// makes that, and nothing but the server writes in its folder.
func (q *quickstart) startService(ctx context.Context) error {
	if !q.Start || !q.service {
		return nil
	}
	if _, err := os.Stat(q.path("/run/systemd/system")); errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no systemd here: start the server as user sealpost by what starts services here, or use --dir")
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", "--now", "sealpost"}} {
		if err := q.run(ctx, "systemctl", args...); err != nil {
			return fmt.Errorf("start service: %w", err)
		}
	}
	for end := time.Now().Add(settled); ; {
		running, err := tellServer(ctx, q.settings)
		if running && err == nil {
			return nil
		}
		if time.Now().After(end) {
			return errors.Join(errors.New("the service was started and does not answer: journalctl -u sealpost says why; then run quickstart again"), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
