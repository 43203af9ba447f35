using VhostSwitch.Packets;

namespace VhostSwitch.Control.Configuration;

/// <summary>What the switch is: the answer to a <see cref="WantedSwitch"/>, and how things are at any later moment.</summary>
/// <param name="Bridges">The bridges by name.</param>
/// <param name="Interfaces">The interfaces by name.</param>
public sealed record SwitchReport(IReadOnlyDictionary<string, BridgeReport> Bridges, IReadOnlyDictionary<string, InterfaceReport> Interfaces);

/// <summary>How a bridge is.</summary>
/// <param name="Address">The address of its local interface; null where it has none.</param>
/// <param name="Status">What people should know of it, by subject; empty where all is as it was asked for.</param>
public sealed record BridgeReport(MacAddress? Address, IReadOnlyDictionary<string, string> Status);

/// <summary>How an interface is.</summary>
/// <param name="OfPort">Its OpenFlow port number; -1 where it could not be made.</param>
/// <param name="Error">What does not work; null where everything does.</param>
public sealed record InterfaceReport(int OfPort, string? Error)
{
    /// <summary>The number of an interface that could not be made.</summary>
    public const int NoPort = -1;

    /// <summary>How it is; null where it could not be made.</summary>
    public InterfaceFacts? Facts { get; init; }
}

/// <summary>How an interface that is there is.</summary>
/// <param name="IsAdminUp">It is set up.</param>
/// <param name="HasLink">Somebody is at the other end.</param>
/// <param name="Address">Its address; null where it has none.</param>
/// <param name="Mtu">The most bytes behind the Ethernet header; null where it knows no such limit.</param>
/// <param name="Index">The kernel's number of it; 0 where the kernel does not know it.</param>
/// <param name="Status">What else is to be known, by name.</param>
/// <param name="Statistics">What has gone through it, by name.</param>
public sealed record InterfaceFacts(
    bool IsAdminUp,
    bool HasLink,
    MacAddress? Address,
    int? Mtu,
    int Index,
    IReadOnlyDictionary<string, string> Status,
    IReadOnlyDictionary<string, long> Statistics)
{
    /// <summary>Its speed in bits a second; null where it has none to tell.</summary>
    public long? LinkSpeed { get; init; }

    /// <summary>It sends and receives at the same time; null where it does not tell.</summary>
    public bool? IsFullDuplex { get; init; }

    /// <summary>How often the link has come or gone since the interface was added, as far as that was seen.</summary>
    public int LinkResets { get; init; }
}
