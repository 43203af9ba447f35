using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>A host of its own in a network namespace, with one interface and the kernel's network stack behind it.</summary>
/// <param name="Namespace">Where it is.</param>
/// <param name="Interface">The name of its interface there.</param>
/// <param name="Address">Its IPv4 address; its network has 24 bits.</param>
internal sealed record Station(NetworkNamespace Namespace, string Interface, string Address)
{
    private const string FileName = "file";

    /// <summary>The header ends with an empty line; bash reads lines of a socket byte by byte, so that nothing of the content is lost.</summary>
    private const string Fetch =
        """
        set -o pipefail
        exec 3<>/dev/tcp/$1/80 && printf 'GET /%s HTTP/1.0\r\n\r\n' "$2" >&3 || exit 1
        while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
        cat <&3 | sha256sum
        """;

    /// <summary>The slowest that a transfer may be.</summary>
    private const int LeastBytesPerSecond = 500_000;

    /// <summary>Connects a namespace by a veth pair to an interface in the switch's namespace.</summary>
    public static async Task<Station> ByVethAsync(NetworkNamespace own, NetworkNamespace hub, string port, string address, int mtu = 1500)
    {
        const string name = "v0";
        await hub.ConnectAsync(port, own, name);
        await hub.IpHereAsync($"link set {port} mtu {mtu}");
        Station station = new(own, name, address);
        await station.PrepareAsync(mtu);
        return station;
    }

    /// <summary>Moves a TAP interface of the switch into a namespace; the switch keeps its descriptor.</summary>
    public static async Task<Station> ByTapAsync(NetworkNamespace own, NetworkNamespace hub, string tap, string address, int mtu = 1500)
    {
        await hub.IpHereAsync($"link set {tap} netns {own.Name}");
        Station station = new(own, tap, address);
        await station.PrepareAsync(mtu);
        return station;
    }

    /// <summary>Uses a TAP interface of the switch where it is.</summary>
    public static async Task<Station> AtTapAsync(NetworkNamespace hub, string tap, string address, int mtu = 1500)
    {
        Station station = new(hub, tap, address);
        await station.PrepareAsync(mtu);
        return station;
    }

    /// <summary>Has the kernel leave checksums and segments to the interface, or finish them itself.</summary>
    public Task SetOffloadsAsync(bool on)
    {
        string state = on ? "on" : "off";
        return Namespace.RunAsync("ethtool", "-K", Interface, "tx", state, "sg", state, "tso", state, "gso", state, "gro", state);
    }

    public async Task<string> MacAsync() =>
        Regex.Match(await Namespace.IpHereAsync($"link show {Interface}"), "link/ether ([0-9a-f:]+)").Groups[1].Value;

    /// <summary>Pings and gives the answers that reached this station's network stack.</summary>
    public async Task<int> PingAsync(string address, int count, int size = 56)
    {
        // By the kernel's count: busybox's ping has room for some 20 answers at its socket, and on a busy machine loses those it is late for.
        int before = await EchoRepliesAsync();
        await Namespace.RunAsync("sh", "-c", $"busybox ping -q -i 0.02 -c {count} -s {size} -W 5 {address} || true");
        return await EchoRepliesAsync() - before;
    }

    /// <summary>Waits until an address answers.</summary>
    public Task WaitForPingAsync(string address) =>
        Until.TrueAsync(async () => await PingOnceAsync(address), Limits.Step, $"{address} answers to {Address}");

    /// <summary>Serves a file of random bytes and gives its hash.</summary>
    public async Task<(ChildProcess Server, string Hash)> ServeAsync(TestFolder folder, int bytes)
    {
        string root = Directory.CreateDirectory(Path.Combine(folder.Path, $"www-{Address}")).FullName;
        byte[] content = new byte[bytes];
        Random.Shared.NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(root, FileName), content);
        // busybox's httpd hands whole files to the kernel, which makes segments as large as the interface takes.
        ChildProcess server = Namespace.Start($"httpd on {Address}", "busybox", ["httpd", "-f", "-p", $"{Address}:80", "-h", root]);
        await Until.TrueAsync(
            async () => (await Namespace.RunAsync("ss", "-Htln", "sport = 80")).Length > 0, Limits.Step, $"a server listens on {Address}");
        return (server, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));
    }

    /// <summary>Fetches the file that a station serves and gives the hash of what arrives.</summary>
    public async Task<string> FetchAsync(string address, int bytes)
    {
        string text = await ChildProcess.RunAsync(
            $"the client on {Address}",
            "ip",
            ["netns", "exec", Namespace.Name, "bash", "-c", Fetch, "bash", address, FileName],
            Limits.GuestCommand + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond));
        return text.Split(' ')[0];
    }

    /// <summary>Sends TCP as fast as it goes, until it is disposed or the time is over.</summary>
    public ChildProcess StartLoad(string address, int seconds) =>
        Namespace.Start($"iperf3 on {Address}", "iperf3", ["-c", address, "-t", $"{seconds}", "--connect-timeout", "5000"]);

    /// <summary>Takes what <see cref="StartLoad"/> sends.</summary>
    public async Task<ChildProcess> StartSinkAsync()
    {
        ChildProcess sink = Namespace.Start($"iperf3 -s on {Address}", "iperf3", ["-s", "-B", Address, "--forceflush"]);
        await sink.WaitForLineAsync(new Regex("Server listening"), Limits.Step);
        return sink;
    }

    private async Task<bool> PingOnceAsync(string address) =>
        (await Namespace.RunAsync("sh", "-c", $"busybox ping -c 1 -W 1 {address} >/dev/null && echo answered || true")).Contains("answered", StringComparison.Ordinal);

    private async Task<int> EchoRepliesAsync()
    {
        // Two lines for each protocol: the names, then the numbers.
        string[] lines = [.. (await Namespace.RunAsync("cat", "/proc/net/snmp")).Split('\n').Where(line => line.StartsWith("Icmp:", StringComparison.Ordinal))];
        return int.Parse(lines[1].Split(' ')[Array.IndexOf(lines[0].Split(' '), "InEchoReps")], CultureInfo.InvariantCulture);
    }

    private async Task PrepareAsync(int mtu)
    {
        await Namespace.IpHereAsync($"link set {Interface} mtu {mtu}");
        await Namespace.IpHereAsync($"addr add {Address}/24 dev {Interface}");
        await Namespace.IpHereAsync($"link set {Interface} up");
    }
}
