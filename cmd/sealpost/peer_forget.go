package main

import (
	"context"
	"fmt"
)

type peerForgetCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	Peer    string `arg:"" help:"The correspondent's address."`
}

func (cmd peerForgetCommand) Run(ctx context.Context, c console) error {
	v, err := ask[peerView](ctx, cmd.Config, "peer.forget", aboutPeer{Account: cmd.Address, Peer: cmd.Peer})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "The key of %s is forgotten; the next one that is found is pinned.\n", v.Address)
	return err
}

func forgetPeer(ctx context.Context, o *office, w aboutPeer) (peerView, error) {
	a, peer, err := o.pair(ctx, w)
	if err != nil {
		return peerView{}, err
	}
	v, err := o.peer(ctx, a, peer)
	if err != nil {
		return v, err
	}
	return v, o.newFinder().Forget(ctx, string(a.ID), peer)
}
