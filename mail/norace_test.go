//go:build !race

package mail

const slowdown = 1
