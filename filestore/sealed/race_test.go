//go:build race

package sealed

// stride thins out what the race detector makes slow and has no part in.
const stride = 9
