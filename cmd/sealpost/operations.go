package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// An operation is one thing to do in an office. It reads its wish as JSON and
// writes its answer: as JSON, or as bytes of a mail. The same table serves the
// control socket and the command that found no server running.
type operation func(ctx context.Context, o *office, wish []byte, answer io.Writer) error

func operations() map[string]operation {
	return map[string]operation{
		"account.add":      answering(addAccount),
		"account.list":     answering(listAccounts),
		"account.show":     answering(showAccount),
		"account.remove":   answering(removeAccount),
		"account.key":      answering(replaceKey),
		"account.alias":    answering(changeAlias),
		"account.set":      answering(changeSettings),
		"account.reset":    answering(resetSignIn),
		"invite":           answering(inviteSomebody),
		"password.add":     answering(addPassword),
		"password.list":    answering(listPasswords),
		"password.remove":  answering(removePassword),
		"message.get":      streaming(getMessage),
		"queue.list":       answering(listQueue),
		"queue.show":       answering(showQueued),
		"queue.retry":      answering(retryQueued),
		"queue.hold":       answering(holdQueued),
		"queue.drop":       answering(dropQueued),
		"link.kill":        answering(killLink),
		"peer.list":        answering(listPeers),
		"peer.accept":      answering(acceptPeer),
		"peer.pin":         answering(pinPeer),
		"peer.forget":      answering(forgetPeer),
		"server.facts":     answering(tellFacts),
		"report.list":      answering(listReports),
		"report.show":      answering(showReport),
		"log.mark":         answering(markOf),
		"server.reload":    answering(reloadServer),
		"server.drain":     answering(drainServer),
		"mail.export":      streaming(exportMail),
		"backup.make":      telling(makeBackup),
		"store.verify":     telling(verifyStore),
		"cluster.restored": answering(afterRestore),
	}
}

// answering makes an operation of a function from a wish to an answer.
func answering[Wish, Answer any](do func(context.Context, *office, Wish) (Answer, error)) operation {
	return func(ctx context.Context, o *office, wish []byte, out io.Writer) error {
		var w Wish
		if err := json.Unmarshal(wish, &w); err != nil {
			return fmt.Errorf("read what was asked: %w", err)
		}
		a, err := do(ctx, o, w)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(a)
	}
}

// streaming makes an operation of a function that writes as it goes.
func streaming[Wish any](do func(context.Context, *office, Wish, io.Writer) error) operation {
	return func(ctx context.Context, o *office, wish []byte, out io.Writer) error {
		var w Wish
		if err := json.Unmarshal(wish, &w); err != nil {
			return fmt.Errorf("read what was asked: %w", err)
		}
		return do(ctx, o, w, out)
	}
}
