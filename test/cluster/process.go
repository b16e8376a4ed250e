package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A process is one program of the cluster, which may be killed and started again.
type process struct {
	name    string
	folder  string // of NAME.log and NAME.pid
	command func() (*exec.Cmd, error)
	answers func(context.Context) error
	goodbye syscall.Signal // ends it in peace

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  <-chan struct{} // closed when cmd has ended
	wanted bool
}

// startTime is how long a program may take until it answers.
const startTime = time.Minute

// start starts the program and waits until it answers.
func (p *process) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	cmd, err := p.command()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := startWithUs(cmd, p.goodbye)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.ended = cmd, ended
	if err := os.WriteFile(filepath.Join(p.folder, p.name+".pid"), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600); err != nil {
		return err
	}
	return p.await(ctx, ended)
}

// await asks until the program answers.
func (p *process) await(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := p.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("%s ended at its start:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", p.name, err, p.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the program as a power cut would, as far as a process can, and keeps it from being started again.
func (p *process) kill() { p.end(syscall.SIGKILL, 0) }

// stop ends it in peace, or after patience without.
func (p *process) stop(patience time.Duration) { p.end(p.goodbye, patience) }

func (p *process) end(with syscall.Signal, patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = false
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(with)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.ended
	}
	p.cmd = nil
}

// running says what to wait for while the program is wanted, and its process id.
func (p *process) running() (ended <-chan struct{}, pid int, wanted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil, 0, false
	}
	return p.ended, p.cmd.Process.Pid, p.wanted
}

// keep starts the program again whenever it ends by itself or by somebody's hand, until ctx ends.
func (p *process) keep(ctx context.Context, say func(string)) {
	for {
		ended, pid, wanted := p.running()
		if !wanted {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		if _, _, wanted := p.running(); !wanted || ctx.Err() != nil {
			return
		}
		say(fmt.Sprintf("%s (%d) has ended", p.name, pid))
		began := time.Now()
		for p.start(ctx) != nil && ctx.Err() == nil {
			time.Sleep(200 * time.Millisecond)
		}
		if _, pid, _ := p.running(); ctx.Err() == nil {
			say(fmt.Sprintf("%s (%d) answers again, %.1f s later", p.name, pid, time.Since(began).Seconds()))
		}
	}
}

func (p *process) log() string { return filepath.Join(p.folder, p.name+".log") }

// tail is the last that the program said.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}
