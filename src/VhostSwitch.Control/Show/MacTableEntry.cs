namespace VhostSwitch.Control.Show;

/// <summary>One address that the switch has learned.</summary>
/// <param name="Mac">The address, as in <c>00:01:02:03:04:05</c>.</param>
/// <param name="Vlan">The VLAN tag it belongs to; 0 for none.</param>
/// <param name="Port">The name of the port behind which it is.</param>
/// <param name="AgeS">Seconds since a frame from it was last seen; null where addresses are never aged.</param>
public sealed record MacTableEntry(string Mac, int Vlan, string Port, int? AgeS);
