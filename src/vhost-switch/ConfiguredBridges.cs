using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Show;
using VhostSwitch.Dataplane;
using VhostSwitch.Switching;

namespace VhostSwitch.Program;

/// <summary>
/// The bridges that come and go while the switch runs: the addresses of each, and the description of all that poll threads go by. Lives on the
/// control thread.
/// </summary>
/// <param name="forwarder">The switching stage.</param>
/// <param name="dataPlane">The poll threads.</param>
internal sealed class ConfiguredBridges(BridgeForwarder forwarder, DataPlane dataPlane) : IDisposable
{
    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>The names of all bridges.</summary>
    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>The addresses of all bridges.</summary>
    public IEnumerable<MacTable> Tables => _entries.Values.Select(entry => entry.Table);

    /// <summary>Has frames go by other bridges. On return no poll thread knows those before, and what has no meaning any more is forgotten.</summary>
    /// <param name="plan">The bridges.</param>
    /// <param name="ports">The ports that are there, by the name of their bridge.</param>
    public void Publish(SwitchPlan plan, ILookup<string, BridgePortOptions> ports)
    {
        var planned = plan.Bridges.Values.Where(bridge => !bridge.IsRefused).ToDictionary(bridge => bridge.Wanted.Name);
        var gone = _entries.Where(entry => !planned.ContainsKey(entry.Key)).ToList();
        foreach (var (name, _) in gone)
            _entries.Remove(name);
        var before = new Dictionary<Entry, BridgeOptions>();
        foreach (var (name, bridge) in planned)
        {
            if (!_entries.TryGetValue(name, out var entry)) _entries.Add(name, entry = new Entry(new MacTable()));
            entry.AgeSeconds = (uint)bridge.Wanted.AddressAgeSeconds;
            entry.Table.Most = bridge.Wanted.MostAddresses;
            if (entry.Options is { } options) before.Add(entry, options);
            entry.Options = new BridgeOptions(name, entry.Table, [.. ports[name]])
            {
                Mirrors = bridge.Mirrors,
                FloodVlans = bridge.Wanted.FloodVlans,
                ForwardsReserved = bridge.Wanted.ForwardsReserved,
            };
        }
        // A port that is about to go is still attached.
        bool isComplete = ports.Sum(bridge => bridge.Count()) == dataPlane.Topology.Attached.Length;
        forwarder.Publish(new BridgeSet([.. _entries.Values.Select(entry => entry.Options!)], isComplete, plan.TagsRead), [.. Tables]);
        dataPlane.WaitForThreads();
        foreach (var (entry, options) in before)
            Forget(entry.Table, options, entry.Options!);
        foreach (var (_, entry) in gone)
            entry.Table.Dispose();
    }

    /// <summary>Sets the clock of every table and removes what is old, about once a second.</summary>
    /// <param name="now">Seconds since any start.</param>
    public void Tick(uint now)
    {
        foreach (var entry in _entries.Values)
            entry.Table.Tick(now, entry.AgeSeconds, dataPlane.WaitForThreads);
    }

    /// <summary>Makes all addresses of a bridge unknown.</summary>
    /// <param name="name">The bridge's name.</param>
    public void Flush(string name)
    {
        if (!_entries.TryGetValue(name, out var entry)) return;
        foreach (var port in entry.Options!.Ports)
            entry.Table.Forget(port.Id);
    }

    /// <summary>The tables as they are.</summary>
    /// <param name="show">Makes an entry what people read.</param>
    public IReadOnlyList<BridgeSnapshot> Snapshots(Func<MacEntry, BridgeAddress> show) =>
    [
        .. from entry in _entries
           let table = entry.Value.Table
           select new BridgeSnapshot(entry.Key, [.. table.Entries().Select(show)], new MacTableCounts(table.Most, table.Learned, table.Expired, table.Moved)),
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var table in Tables)
            table.Dispose();
    }

    // The addresses of ports whose VLANs are others now, and of those that give copies alone from now on.
    private static void Forget(MacTable table, BridgeOptions before, BridgeOptions now)
    {
        var ports = now.Ports.ToDictionary(port => port.Id);
        var outputs = now.Mirrors.Select(mirror => mirror.OutputPort).ToHashSet();
        foreach (var port in before.Ports)
        {
            if (!ports.TryGetValue(port.Id, out var same) || !HasSameVlans(port, same) || outputs.Contains(port.Name)) table.Forget(port.Id);
        }
    }

    private static bool HasSameVlans(BridgePortOptions a, BridgePortOptions b) =>
        a.Mode == b.Mode && a.Tag == b.Tag && a.TunnelType == b.TunnelType && a.IsProtected == b.IsProtected && a.Peer == b.Peer
        && a.Trunks.SequenceEqual(b.Trunks) && a.CustomerVlans.SequenceEqual(b.CustomerVlans);

    private sealed class Entry(MacTable table)
    {
        public MacTable Table { get; } = table;

        public uint AgeSeconds { get; set; }

        public BridgeOptions? Options { get; set; }
    }
}
