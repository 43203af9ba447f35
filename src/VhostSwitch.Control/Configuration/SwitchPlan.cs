using VhostSwitch.Ports;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Configuration;

/// <summary>An interface that is wanted, and what it takes to make it.</summary>
/// <param name="Wanted">What is wanted.</param>
/// <param name="Bridge">The bridge that it belongs to, by name.</param>
public sealed record PlannedInterface(WantedInterface Wanted, string Bridge)
{
    /// <summary>The device that makes it; null where it is refused, or waits.</summary>
    public Vdev? Device { get; init; }

    /// <summary>Why it is refused; null where it is not.</summary>
    public string? Refusal { get; init; }

    /// <summary>What it waits for before there can be a device; null where it does not.</summary>
    public string? Waiting { get; init; }

    /// <summary>What was asked for and has no effect; null where everything has.</summary>
    public string? Notice { get; init; }

    /// <summary>What can be changed about it while its frames flow.</summary>
    public PortTuning Tuning { get; } = PortTuning.Of(Wanted);

    /// <summary>What it is to be in its bridge, but for its number in the data plane.</summary>
    public BridgePortOptions Bridging { get; init; } = new(Wanted.Name, 0);

    /// <summary>True for the interface by which the host itself takes part in the bridge.</summary>
    public bool IsLocal => Wanted.Name == Bridge;
}

/// <summary>A bridge that is wanted.</summary>
/// <param name="Wanted">What is wanted.</param>
/// <param name="Status">What people should know of it, by subject; empty where all is as it was asked for.</param>
public sealed record PlannedBridge(WantedBridge Wanted, IReadOnlyDictionary<string, string> Status)
{
    /// <summary>The subject under which a bridge says why it does not switch.</summary>
    public const string Error = "error";

    /// <summary>True where it does not switch.</summary>
    public bool IsRefused => Status.ContainsKey(Error);

    /// <summary>Its mirrors, with interfaces in the place of ports.</summary>
    public IReadOnlyList<MirrorOptions> Mirrors { get; init; } = [];
}

/// <summary>What a <see cref="WantedSwitch"/> comes to: a device for each interface, or the sentence that refuses it.</summary>
/// <param name="Bridges">The bridges by name.</param>
/// <param name="Interfaces">The interfaces, those of a bridge together.</param>
public sealed record SwitchPlan(IReadOnlyDictionary<string, PlannedBridge> Bridges, IReadOnlyList<PlannedInterface> Interfaces)
{
    private const int LeastSnapLength = 14;

    private const ushort PlainTag = 0x8100, ServiceTag = 0x88a8;

    /// <summary>How many tags of a frame are looked at.</summary>
    public int TagsRead { get; init; } = 1;

    /// <summary>Decides.</summary>
    /// <param name="wanted">What is wanted.</param>
    /// <param name="settings">The settings that count, which are those of the first configuration.</param>
    /// <param name="runFolder">The folder that sockets are made in.</param>
    public static SwitchPlan Of(WantedSwitch wanted, SwitchSettings settings, string runFolder)
    {
        var types = new InterfaceTypes(settings, runFolder);
        var bridges = new Dictionary<string, PlannedBridge>();
        var interfaces = new List<PlannedInterface>();
        var devices = new Dictionary<string, string>();
        var names = new HashSet<string>();
        foreach (var bridge in wanted.Bridges)
        {
            string? refusal = Refusal(bridge);
            var status = new Dictionary<string, string>();
            if (refusal is not null) status.Add(PlannedBridge.Error, refusal);
            if (bridge.HasController) status.Add("controller", "no effect: OpenFlow is not built, the bridge learns addresses and switches by itself");
            bridges.Add(bridge.Name, new PlannedBridge(bridge, status) { Mirrors = Mirrors(bridge, status) });
            foreach (var port in bridge.Ports)
            {
                string? refused = refusal ?? Refusal(port);
                // An interface that two ports name is that of the first.
                foreach (var wish in port.Interfaces.Where(wish => names.Add(wish.Name)))
                {
                    var planned = refused is null ? types.Plan(wish, bridge) : new PlannedInterface(wish, bridge.Name) { Refusal = refused };
                    if (planned.Device is { } device && !devices.TryAdd(device.Name, wish.Name))
                    {
                        string reason = $"the device {device.Name} is that of {devices[device.Name]}: give it another number";
                        planned = planned with { Device = null, Refusal = reason };
                    }
                    interfaces.Add(planned with { Bridging = Bridging(port, wish) });
                }
            }
        }
        return new SwitchPlan(bridges, interfaces) { TagsRead = wanted.TagsRead };
    }

    private static string? Refusal(WantedBridge bridge)
    {
        if (bridge.DatapathType != "netdev")
        {
            string given = bridge.DatapathType.Length == 0 ? "is not set, which means the kernel's switch" : $"is {bridge.DatapathType}";
            return $"datapath_type {given}; this switch is none of the kernel's: ovs-vsctl set bridge {bridge.Name} datapath_type=netdev";
        }
        return bridge.FailMode == "secure"
            ? "fail_mode is secure, so that only flows of an OpenFlow controller may pass, and OpenFlow is not built: "
                + $"ovs-vsctl set-fail-mode {bridge.Name} standalone"
            : null;
    }

    private static string? Refusal(WantedPort port) =>
        port.Interfaces.Count > 1 ? "bonds are not built yet: give each interface a port of its own" : null;

    // A tag makes an access port where nothing else is said, and trunks have no meaning for one.
    private static BridgePortOptions Bridging(WantedPort port, WantedInterface wanted) => new(wanted.Name, 0)
    {
        Mode = port.VlanMode ?? (port.Tag is null ? VlanMode.Trunk : VlanMode.Access),
        Tag = (ushort)(port.Tag is { } tag and >= 0 and < VlanSet.VlanCount ? tag : 0),
        Trunks = port.Trunks,
        CustomerVlans = port.CustomerVlans,
        TunnelType = port.TunnelsPlainTags ? PlainTag : ServiceTag,
        PriorityTags = port.PriorityTags,
        IsProtected = port.IsProtected,
        Peer = InterfaceTypes.PeerOf(wanted),
    };

    private static List<MirrorOptions> Mirrors(WantedBridge bridge, Dictionary<string, string> status)
    {
        var mirrors = new List<MirrorOptions>();
        var notes = new List<string>();
        foreach (var wanted in bridge.Mirrors)
        {
            if (wanted.OutputPort is { } name && bridge.Ports.All(port => port.Name != name))
                notes.Add($"{wanted.Name} has no effect: {name} is no port of this bridge");
            else if (wanted.OutputPort is null && wanted.OutputVlan is null)
                notes.Add($"{wanted.Name} has no effect: it has neither output_port nor output_vlan");
            else if (mirrors.Count == MirrorOptions.Most)
                notes.Add($"{wanted.Name} has no effect: a bridge has {MirrorOptions.Most} mirrors at most");
            else mirrors.Add(Mirror(bridge, wanted));
            if (wanted is { OutputPort: not null, OutputVlan: not null }) notes.Add($"{wanted.Name} sends to its output_port, not to its output_vlan");
        }
        if (notes.Count > 0) status.Add("mirrors", string.Join("; ", notes));
        return mirrors;
    }

    private static MirrorOptions Mirror(WantedBridge bridge, WantedMirror wanted) => new()
    {
        SourcePorts = wanted.SelectsAll ? null : InterfacesOf(bridge, wanted.SourcePorts),
        DestinationPorts = wanted.SelectsAll ? null : InterfacesOf(bridge, wanted.DestinationPorts),
        Vlans = wanted.Vlans,
        OutputPort = wanted.OutputPort is { } port ? InterfacesOf(bridge, [port]).FirstOrDefault(port) : null,
        OutputVlan = (ushort)(wanted.OutputVlan ?? 0),
        SnapLength = (ushort)(wanted.SnapLength is { } length ? Math.Clamp(length, LeastSnapLength, ushort.MaxValue) : 0),
    };

    private static string[] InterfacesOf(WantedBridge bridge, IReadOnlyList<string> ports) =>
        [.. bridge.Ports.Where(port => ports.Contains(port.Name)).SelectMany(port => port.Interfaces).Select(wanted => wanted.Name)];
}
