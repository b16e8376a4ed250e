package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealpost/pgp/discover"
)

type peerAcceptCommand struct {
	settingsFile
	Address     string `arg:"" help:"Any address of the account."`
	Peer        string `arg:"" help:"The correspondent's address."`
	Fingerprint string `arg:"" help:"Fingerprint of the key, as peer list shows it; blanks do not count."`
}

func (cmd peerAcceptCommand) Run(ctx context.Context, c console) error {
	print := strings.ToUpper(strings.ReplaceAll(cmd.Fingerprint, " ", ""))
	v, err := ask[peerView](ctx, cmd.Config, "peer.accept", aboutPeer{Account: cmd.Address, Peer: cmd.Peer, Fingerprint: print})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Mail to %s is encrypted to %s from now on.\n", v.Address, spaced(v.Fingerprint))
	return err
}

func acceptPeer(ctx context.Context, o *office, w aboutPeer) (peerView, error) {
	a, peer, err := o.pair(ctx, w)
	if err != nil {
		return peerView{}, err
	}
	if err := o.newFinder().Accept(ctx, string(a.ID), peer, w.Fingerprint); errors.Is(err, discover.ErrNoChange) {
		return peerView{}, fmt.Errorf("no key of %s with the fingerprint %s was found: `sealpost peer list` shows those that were", peer, w.Fingerprint)
	} else if err != nil {
		return peerView{}, err
	}
	return o.peer(ctx, a, peer)
}
