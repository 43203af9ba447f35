using System.Globalization;
using System.Text;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Show;

namespace VhostSwitch.Control.Unixctl;

/// <summary>
/// The commands that operators of Open vSwitch type, with answers of the same shape (<c>ovs-vswitchd(8)</c>). Where there is no number to give, its
/// line is left out.
/// </summary>
/// <param name="operations">The switch.</param>
/// <param name="setLogLevel">Takes the least important lines that are printed from now on; called on any thread.</param>
public sealed class OvsCommands(ISwitchOperations operations, Action<LogLevel> setLogLevel)
{
    // Open vSwitch's words, from nothing to everything.
    private static readonly (string Word, LogLevel Level)[] Levels =
    [
        ("off", LogLevel.Emergency), ("emer", LogLevel.Emergency), ("err", LogLevel.Error),
        ("warn", LogLevel.Warning), ("info", LogLevel.Info), ("dbg", LogLevel.Debug),
    ];

    private static readonly string Words = string.Join('|', Levels.Select(level => level.Word));

    private readonly Lock _lock = new();

    // What pmd-stats-clear has taken away, by core.
    private Dictionary<int, PollThreadLoad> _cleared = [];

    /// <summary>Adds the commands; <c>fdb/show</c> without a bridge is <see cref="SwitchCommands"/>'.</summary>
    /// <param name="server">A server that does not listen yet.</param>
    public void Register(UnixctlServer server)
    {
        Add("fdb/flush", "[bridge]", 0, 1, FlushAsync);
        Add("fdb/stats-show", "bridge", 1, 1, async words => Counts(await BridgeAsync(words[0]).ConfigureAwait(false)));
        Add("dpif-netdev/pmd-stats-show", "", 0, 0, async _ => Statistics(await operations.LoadsAsync().ConfigureAwait(false)));
        Add("dpif-netdev/pmd-stats-clear", "", 0, 0, ClearAsync);
        Add("dpif-netdev/pmd-rxq-show", "", 0, 0, async _ => Queues(await operations.LoadsAsync().ConfigureAwait(false)));
        Add("vlog/set", "[module][:facility]:level", 1, 1, words => ValueTask.FromResult(SetLevel(words[0])));

        void Add(string name, string usage, int fewest, int most, Func<string[], ValueTask<string>> handler) =>
            server.Register(new UnixctlCommand(name, usage, fewest, most, handler));
    }

    /// <summary>The answer to <c>fdb/show BRIDGE</c>.</summary>
    /// <param name="bridge">The bridge's name.</param>
    /// <exception cref="UnixctlCommandException">There is no such bridge.</exception>
    public async ValueTask<string> AddressesAsync(string bridge)
    {
        var text = new StringBuilder(" port  VLAN  MAC                Age\n");
        foreach (var address in (await BridgeAsync(bridge).ConfigureAwait(false)).Addresses)
            text.Append(CultureInfo.InvariantCulture, $"{address.Port,5}  {address.Vlan,4}  {address.Mac}  {address.AgeSeconds,3}\n");
        return text.ToString();
    }

    private static string Counts(BridgeSnapshot bridge) => string.Create(CultureInfo.InvariantCulture, $"""
        Statistics for bridge "{bridge.Name}":
          Current/maximum MAC entries in the table: {bridge.Addresses.Count}/{bridge.Counts.Most}
          Current static MAC entries in the table : 0
          Total number of learned MAC entries     : {bridge.Counts.Learned}
          Total number of expired MAC entries     : {bridge.Counts.Expired}
          Total number of evicted MAC entries     : 0
          Total number of port moved MAC entries  : {bridge.Counts.Moved}
        """);

    private static string Queues(IReadOnlyList<PollThreadLoad> threads)
    {
        var text = new StringBuilder("Displaying last 1 seconds pmd usage %\n");
        foreach (var thread in threads)
        {
            text.Append(Title(thread)).Append(thread.IsIsolated ? "  isolated : true\n" : "  isolated : false\n");
            foreach (var queue in thread.Queues.OrderBy(queue => queue.Port, StringComparer.Ordinal).ThenBy(queue => queue.Queue))
            {
                string state = queue.IsEnabled ? "(enabled) " : "(disabled)";
                double usage = 100 * queue.Share * thread.BusyShare;
                text.Append(CultureInfo.InvariantCulture, $"  port: {queue.Port,-16}  queue-id: {queue.Queue,2} {state}  pmd usage: {usage,2:0} %\n");
            }
        }
        return text.ToString();
    }

    private string Statistics(IReadOnlyList<PollThreadLoad> threads)
    {
        var text = new StringBuilder();
        foreach (var thread in threads)
        {
            var (frames, cycles, busy) = Since(thread);
            string passes = frames == 0 ? "0.00" : "1.00";
            text.Append(Title(thread));
            text.Append(CultureInfo.InvariantCulture, $"  packets received: {frames}\n");
            text.Append(CultureInfo.InvariantCulture, $"  packet recirculations: 0\n  avg. datapath passes per packet: {passes}\n");
            if (cycles == 0) continue;
            text.Append(CultureInfo.InvariantCulture, $"  idle cycles: {cycles - busy} ({100.0 * (cycles - busy) / cycles:F2}%)\n");
            text.Append(CultureInfo.InvariantCulture, $"  processing cycles: {busy} ({100.0 * busy / cycles:F2}%)\n");
            if (frames == 0) continue;
            text.Append(CultureInfo.InvariantCulture, $"  avg cycles per packet: {(double)cycles / frames:F2} ({cycles}/{frames})\n");
            text.Append(CultureInfo.InvariantCulture, $"  avg processing cycles per packet: {(double)busy / frames:F2} ({busy}/{frames})\n");
        }
        return text.ToString();
    }

    private async ValueTask<string> ClearAsync(string[] words)
    {
        var now = (await operations.LoadsAsync().ConfigureAwait(false)).ToDictionary(thread => thread.Core);
        lock (_lock)
            _cleared = now;
        return "";
    }

    private (ulong Frames, ulong Cycles, ulong Busy) Since(PollThreadLoad thread)
    {
        lock (_lock)
        {
            // A thread that has come after that has nothing to take away.
            if (!_cleared.TryGetValue(thread.Core, out var before)
                || before.Frames > thread.Frames || before.Cycles > thread.Cycles || before.BusyCycles > thread.BusyCycles)
                return (thread.Frames, thread.Cycles, thread.BusyCycles);
            ulong cycles = thread.Cycles - before.Cycles;
            // An estimate may come out above the time there was.
            return (thread.Frames - before.Frames, cycles, Math.Min(cycles, thread.BusyCycles - before.BusyCycles));
        }
    }

    private async ValueTask<string> FlushAsync(string[] words)
    {
        var bridges = await operations.BridgesAsync().ConfigureAwait(false);
        foreach (var bridge in words.Length == 0 ? bridges : [Find(bridges, words[0])])
            await operations.FlushAsync(bridge.Name).ConfigureAwait(false);
        return "table successfully flushed";
    }

    private string SetLevel(string text)
    {
        string[] words = text.Split(':');
        if (words.Length > 3 || words[..^1].Any(word => !IsEverything(word)))
            throw new UnixctlCommandException($"{text}: modules and facilities have no levels of their own here; {Words} is allowed, or any:{Words}");
        foreach (var (word, level) in Levels)
        {
            if (!word.Equals(words[^1], StringComparison.OrdinalIgnoreCase)) continue;
            setLogLevel(level);
            return "";
        }
        throw new UnixctlCommandException($"no destination, level, or module \"{words[^1]}\"; {Words} is allowed");
    }

    private static bool IsEverything(string word) =>
        word.Equals("any", StringComparison.OrdinalIgnoreCase) || word.Equals("console", StringComparison.OrdinalIgnoreCase);

    private async Task<BridgeSnapshot> BridgeAsync(string name) => Find(await operations.BridgesAsync().ConfigureAwait(false), name);

    private static BridgeSnapshot Find(IReadOnlyList<BridgeSnapshot> bridges, string name) =>
        bridges.FirstOrDefault(bridge => bridge.Name == name) ?? throw new UnixctlCommandException("no such bridge");

    private static string Title(PollThreadLoad thread) =>
        string.Create(CultureInfo.InvariantCulture, $"pmd thread numa_id {thread.Node} core_id {thread.Core}:\n");
}
