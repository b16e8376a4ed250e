package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sealpost/config"
)

// startingUp is how long a command waits for a server that holds the data
// folder but does not answer yet, or no longer.
const startingUp = 5 * time.Second

// perform does an operation: the running server does it, or, when there is
// none, this process does. Who holds the index decides, so a socket left behind
// by a crash misleads nobody.
func perform(ctx context.Context, file, name string, wish any, answer io.Writer) error {
	settings, err := config.Load(file)
	if err != nil {
		return err
	}
	body, err := json.Marshal(wish)
	if err != nil {
		return fmt.Errorf("write what to do: %w", err)
	}
	for deadline := time.Now().Add(startingUp); ; {
		err := askServer(ctx, settings.Data, name, bytes.NewReader(body), answer)
		if !errors.Is(err, errNoServer) {
			return err
		}
		err = doHere(ctx, settings, name, body, answer)
		if !inUse(err) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the data folder %s is in use, and nobody answers at its control socket", settings.Data)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func doHere(ctx context.Context, settings config.Config, name string, wish []byte, answer io.Writer) error {
	return inOffice(ctx, settings, func(o *office) error { return operations()[name](ctx, o, wish, answer) })
}

// inOffice does something in this process, as the owner of the data folder.
func inOffice(ctx context.Context, settings config.Config, do func(*office) error) error {
	if err := becomeOwner(settings.Data); err != nil {
		return err
	}
	o, err := openOffice(ctx, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(o), o.Close())
}

// ask performs an operation that answers in JSON.
func ask[Answer any](ctx context.Context, file, name string, wish any) (a Answer, err error) {
	var text bytes.Buffer
	if err := perform(ctx, file, name, wish, &text); err != nil {
		return a, err
	}
	if err := json.Unmarshal(text.Bytes(), &a); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	return a, nil
}
