namespace VhostSwitch.Interop.Rig;

/// <summary>A network namespace of a test: interfaces made in it are seen by no one else and go with it.</summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    private static int _last;

    private NetworkNamespace(string name) => Name = name;

    public string Name { get; }

    public static async Task<NetworkNamespace> CreateAsync()
    {
        NetworkNamespace created = new($"vs-{Environment.ProcessId}-{Interlocked.Increment(ref _last)}");
        await IpAsync("netns", "add", created.Name);
        await created.IpHereAsync("link set lo up");
        // Interfaces without an address are not to speak by themselves: tests count frames.
        await created.RunAsync("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
        return created;
    }

    /// <summary>Makes two interfaces that are the ends of one wire, each in its namespace, and sets them up.</summary>
    public async Task ConnectAsync(string name, NetworkNamespace other, string otherName)
    {
        await IpAsync("link", "add", name, "netns", Name, "type", "veth", "peer", "name", otherName, "netns", other.Name);
        await IpHereAsync($"link set dev {name} up");
        await other.IpHereAsync($"link set dev {otherName} up");
    }

    /// <summary>Runs <c>ip</c> in the namespace.</summary>
    /// <param name="arguments">Its words.</param>
    /// <returns>What it printed.</returns>
    public Task<string> IpHereAsync(string arguments) => IpAsync(["-n", Name, .. arguments.Split(' ')]);

    /// <summary>Runs a program in the namespace to its end.</summary>
    public Task<string> RunAsync(string program, params string[] arguments) =>
        ChildProcess.RunAsync(program, "ip", Prefix(program, arguments), Limits.Step);

    /// <summary>Starts a program in the namespace. Its process id is that of the program.</summary>
    public ChildProcess Start(string title, string program, IEnumerable<string> arguments, string? workingDirectory = null) =>
        ChildProcess.Start(title, "ip", Prefix(program, arguments), workingDirectory);

    public async ValueTask DisposeAsync() => await IpAsync("netns", "delete", Name);

    private string[] Prefix(string program, IEnumerable<string> arguments) => ["netns", "exec", Name, program, .. arguments];

    private static Task<string> IpAsync(params string[] arguments) => ChildProcess.RunAsync("ip", "ip", arguments, Limits.Step);
}
