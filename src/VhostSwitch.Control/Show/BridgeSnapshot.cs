namespace VhostSwitch.Control.Show;

/// <summary>A bridge's table of addresses.</summary>
/// <param name="Name">The bridge's name.</param>
/// <param name="Addresses">The addresses that are known.</param>
/// <param name="Counts">What became of addresses.</param>
public sealed record BridgeSnapshot(string Name, IReadOnlyList<BridgeAddress> Addresses, MacTableCounts Counts);

/// <summary>An address behind a port of a bridge.</summary>
/// <param name="Port">The port's OpenFlow number, or <c>LOCAL</c>.</param>
/// <param name="Vlan">The VLAN id.</param>
/// <param name="Mac">The address.</param>
/// <param name="AgeSeconds">Since it was last seen.</param>
public sealed record BridgeAddress(string Port, int Vlan, string Mac, int AgeSeconds);

/// <summary>What became of a bridge's addresses.</summary>
/// <param name="Most">The most that the table holds.</param>
/// <param name="Learned">Addresses that were new.</param>
/// <param name="Expired">Addresses that were not seen for too long.</param>
/// <param name="Moved">Addresses that were seen at another port.</param>
public sealed record MacTableCounts(int Most, ulong Learned, ulong Expired, ulong Moved);
