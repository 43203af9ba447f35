using VhostSwitch.Dataplane;

namespace VhostSwitch.Switching;

/// <summary>The bridges with their ports and mirrors, as an unchanging description that is replaced whole. Poll threads read it.</summary>
public sealed class BridgeSet
{
    private readonly BridgePort?[] _ports = new BridgePort?[Topology.MaxPorts];

    /// <summary>Describes bridges.</summary>
    /// <param name="bridges">The bridges, with ports and names of their own.</param>
    /// <param name="isComplete">True where no port is attached but theirs, so that a frame for all ports of one bridge may go to all there are.</param>
    /// <param name="tagsRead">How many tags of a frame are looked at, 1 or 2; what is behind them is payload.</param>
    public BridgeSet(IReadOnlyList<BridgeOptions> bridges, bool isComplete, int tagsRead = 1)
    {
        TagsRead = tagsRead;
        var byName = new Dictionary<string, BridgePort>();
        var made = bridges.Select(options => new Bridge(options)).ToList();
        foreach (var port in made.SelectMany(bridge => bridge.Ports))
        {
            _ports[port.Id] = port;
            byName[port.Options.Name] = port;
        }
        foreach (var port in byName.Values)
        {
            // A patch leads somewhere only where both ends name each other.
            if (port.Options.Peer is { } name && byName.TryGetValue(name, out var peer) && peer != port && peer.Options.Peer == port.Options.Name)
                port.Peer = peer;
        }
        if (isComplete && made is [{ IsPlain: true } only]) Plain = only;
    }

    private BridgeSet(MacTable table)
    {
        TagsRead = 1;
        HasAllPorts = true;
        Plain = new Bridge(new BridgeOptions("", table, []));
    }

    /// <summary>One bridge of whatever ports there are. Frames leave as they came in.</summary>
    /// <param name="table">Its addresses.</param>
    public static BridgeSet OfAllPorts(MacTable table) => new(table);

    /// <summary>The only bridge, where all its ports carry all VLANs and nothing else is asked of it; null otherwise.</summary>
    internal Bridge? Plain { get; }

    /// <summary>True where every port is one of the bridge, without being named.</summary>
    internal bool HasAllPorts { get; }

    /// <summary>How many tags of a frame are looked at.</summary>
    internal int TagsRead { get; }

    /// <summary>A port by its id; null for one of no bridge.</summary>
    internal BridgePort? PortOf(ushort id) => _ports[id];
}
