namespace VhostSwitch.Interop.Rig;

/// <summary>Random bytes over TCP from one guest to another, with both ends' hashes.</summary>
internal static class GuestTransfer
{
    /// <summary>The slowest that a transfer may be: emulated guests without offloads make 2 MB/s and more on two busy cores.</summary>
    private const int LeastBytesPerSecond = 250_000;

    /// <summary>Sends <paramref name="bytes"/> and gives the hash of what was sent and of what arrived.</summary>
    /// <param name="fromAddress">The sender's address, as the receiver knows it.</param>
    public static async Task<(string Sent, string Received)> SendAsync(QemuGuest from, string fromAddress, QemuGuest to, int bytes) =>
        (await ServeAsync(from, bytes), await FetchAsync(to, fromAddress, bytes));

    /// <summary>Makes a file in a guest, serves it on all its addresses, and gives its hash.</summary>
    public static Task<string> ServeAsync(QemuGuest guest, int bytes) =>
        // busybox's httpd hands whole files to the kernel, which makes segments as large as the device takes;
        // its nc writes a kilobyte at a time.
        guest.CheckAsync(
            $"""
            mkdir -p /tmp/www && head -c {bytes} /dev/urandom >/tmp/www/file || exit 1
            pidof httpd >/dev/null || httpd -h /tmp/www
            sha256sum </tmp/www/file
            """,
            LimitFor(bytes));

    /// <summary>Fetches the file that a guest serves and gives the hash of what arrives.</summary>
    /// <param name="address">The serving guest's address.</param>
    public static Task<string> FetchAsync(QemuGuest guest, string address, int bytes) =>
        guest.CheckAsync($"set -o pipefail; wget -q -O - http://{address}/file | sha256sum", LimitFor(bytes));

    /// <summary>How long a transfer may take.</summary>
    public static TimeSpan LimitFor(int bytes) => Limits.GuestCommand + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
}
