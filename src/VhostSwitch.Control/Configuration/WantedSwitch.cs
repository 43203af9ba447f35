using VhostSwitch.Packets;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Configuration;

/// <summary>What the switch shall be: bridges with their ports, wherever that is written down.</summary>
/// <param name="Bridges">The bridges, each with a name of its own, in the order of the alphabet.</param>
/// <param name="Settings">What concerns all of them.</param>
public sealed record WantedSwitch(IReadOnlyList<WantedBridge> Bridges, SwitchSettings Settings)
{
    /// <summary>No bridge.</summary>
    public static readonly WantedSwitch Nothing = new([], new SwitchSettings());

    /// <summary>How it polls.</summary>
    public PollSettings Polling { get; init; } = new();

    /// <summary>What is said beyond that and has no meaning here, by name, in the order of the alphabet.</summary>
    public IReadOnlyList<string> WithoutMeaning { get; init; } = [];

    /// <summary>How many tags of a frame are looked at, 1 or 2; what is behind them is payload.</summary>
    public int TagsRead { get; init; } = 1;
}

/// <summary>Settings that are fixed when the first configuration is applied: later changes wait for the next start, as with Open vSwitch.</summary>
public sealed record SwitchSettings
{
    /// <summary>The folder below the run directory with the sockets of <c>dpdkvhostuser</c> ports; empty for the run directory itself.</summary>
    public string VhostSocketFolder { get; init; } = "";

    /// <summary>True to let guests have an IOMMU before their devices (<c>dpdkvhostuserclient</c> only).</summary>
    public bool VhostIommu { get; init; }

    /// <summary>True to let guests migrate here ahead of their memory (<c>dpdkvhostuserclient</c> only).</summary>
    public bool VhostPostcopy { get; init; }

    /// <summary>True to let guests send segments longer than a frame.</summary>
    public bool Segmentation { get; init; }
}

/// <summary>A bridge.</summary>
/// <param name="Name">Its name, and that of its local interface.</param>
/// <param name="Ports">Its ports, in the order of the alphabet; the local one among them.</param>
public sealed record WantedBridge(string Name, IReadOnlyList<WantedPort> Ports)
{
    /// <summary>Who switches: <c>netdev</c> is this program.</summary>
    public string DatapathType { get; init; } = "";

    /// <summary><c>secure</c>: nothing is forwarded but what a controller allows. Otherwise the bridge learns by itself.</summary>
    public string FailMode { get; init; } = "";

    /// <summary>True where an OpenFlow controller is configured.</summary>
    public bool HasController { get; init; }

    /// <summary>VLANs in which nothing is learned.</summary>
    public IReadOnlyList<int> FloodVlans { get; init; } = [];

    /// <summary>True to forward frames that are for the neighbouring switch, spanning tree's among them.</summary>
    public bool ForwardsReserved { get; init; }

    /// <summary>How long an address is remembered without being seen, in seconds.</summary>
    public int AddressAgeSeconds { get; init; } = BridgeForwarder.AgeSeconds;

    /// <summary>How many addresses it learns.</summary>
    public int MostAddresses { get; init; } = 8192;

    /// <summary>The address of the local interface; null for any.</summary>
    public MacAddress? Address { get; init; }

    /// <summary>Its mirrors, in the order of the alphabet.</summary>
    public IReadOnlyList<WantedMirror> Mirrors { get; init; } = [];
}

/// <summary>A port of a bridge.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Interfaces">What is behind it: one interface, or several for a bond.</param>
public sealed record WantedPort(string Name, IReadOnlyList<WantedInterface> Interfaces)
{
    /// <summary>The VLAN of frames without tag; null where there is none.</summary>
    public int? Tag { get; init; }

    /// <summary>The VLANs that a trunk carries; empty for all.</summary>
    public IReadOnlyList<int> Trunks { get; init; } = [];

    /// <summary>The inner VLANs that a tunnel takes; empty for all.</summary>
    public IReadOnlyList<int> CustomerVlans { get; init; } = [];

    /// <summary>How it treats tags; null where that follows from the rest.</summary>
    public VlanMode? VlanMode { get; init; }

    /// <summary>Whether frames leave with tags of VLAN 0.</summary>
    public PriorityTags PriorityTags { get; init; }

    /// <summary>True where the outer tag of a tunnel has the type of an ordinary one (0x8100, not 0x88a8).</summary>
    public bool TunnelsPlainTags { get; init; }

    /// <summary>True where a QoS is configured.</summary>
    public bool HasQos { get; init; }

    /// <summary>True for a port whose frames do not go to other such ports.</summary>
    public bool IsProtected { get; init; }
}

/// <summary>An interface of a port.</summary>
/// <param name="Name">Its name, unique in the switch.</param>
/// <param name="Type">Its type as Open vSwitch names it; <c>system</c> where none is given.</param>
public sealed record WantedInterface(string Name, string Type)
{
    /// <summary>What its type needs to know.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The OpenFlow port number that is asked for; null for any.</summary>
    public int? OfPortRequest { get; init; }

    /// <summary>The number it had before this program started; null for none.</summary>
    public int? OfPortBefore { get; init; }

    /// <summary>The most bytes behind the Ethernet header; null for the type's own.</summary>
    public int? Mtu { get; init; }

    /// <summary>Its address; null for any.</summary>
    public MacAddress? Address { get; init; }

    /// <summary>The cores that its queues are to be polled on, as Open vSwitch writes it: <c>0:3,1:5</c>; empty for any.</summary>
    public string QueueAffinity { get; init; } = "";

    /// <summary>What it may bring in, in kbit/s; 0 for no limit.</summary>
    public long IngressKbps { get; init; }

    /// <summary>How much of it at once, in kbit; 0 for <see cref="Policer.DefaultBurstKbit"/>.</summary>
    public long IngressBurstKbit { get; init; }
}

/// <summary>A mirror: frames of some ports are sent to another one as well.</summary>
/// <param name="Name">Its name.</param>
public sealed record WantedMirror(string Name)
{
    /// <summary>True for the frames of all ports.</summary>
    public bool SelectsAll { get; init; }

    /// <summary>The ports whose incoming frames it takes, by name.</summary>
    public IReadOnlyList<string> SourcePorts { get; init; } = [];

    /// <summary>The ports whose outgoing frames it takes, by name.</summary>
    public IReadOnlyList<string> DestinationPorts { get; init; } = [];

    /// <summary>The VLANs it takes frames of; empty for all.</summary>
    public IReadOnlyList<int> Vlans { get; init; } = [];

    /// <summary>The port that gets the copies, by name; null where they go to a VLAN.</summary>
    public string? OutputPort { get; init; }

    /// <summary>The VLAN that gets the copies; null where they go to a port.</summary>
    public int? OutputVlan { get; init; }

    /// <summary>The most bytes of a copy; null for all.</summary>
    public int? SnapLength { get; init; }
}
