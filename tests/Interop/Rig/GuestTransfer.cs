namespace VhostSwitch.Interop.Rig;

/// <summary>Random bytes over TCP from one guest to another, with both ends' hashes.</summary>
internal static class GuestTransfer
{
    /// <summary>The slowest that a transfer may be: emulated guests without offloads make 2 MB/s and more on two busy cores.</summary>
    private const int LeastBytesPerSecond = 250_000;

    /// <summary>Sends <paramref name="bytes"/> and gives the hash of what was sent and of what arrived.</summary>
    /// <param name="fromAddress">The sender's address, as the receiver knows it.</param>
    public static async Task<(string Sent, string Received)> SendAsync(QemuGuest from, string fromAddress, QemuGuest to, int bytes)
    {
        TimeSpan limit = Limits.GuestCommand + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
        // busybox's httpd hands whole files to the kernel, which makes segments as large as the device takes;
        // its nc writes a kilobyte at a time.
        string sent = await from.CheckAsync(
            $"""
            mkdir -p /tmp/www && head -c {bytes} /dev/urandom >/tmp/www/file || exit 1
            pidof httpd >/dev/null || httpd -h /tmp/www
            sha256sum </tmp/www/file
            """,
            limit);
        string received = await to.CheckAsync($"set -o pipefail; wget -q -O - http://{fromAddress}/file | sha256sum", limit);
        return (sent, received);
    }
}
