using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>
/// The pools of vmdq mode: each device has an address, that of its first frame, and a VLAN tag, 1000 plus its number. What an interface with
/// virtual machine device queues does in hardware is done here for any uplink.
/// </summary>
/// <param name="table">The addresses.</param>
public sealed class VmdqPools(MacTable table)
{
    /// <summary>The tag of device 0.</summary>
    public const int FirstTag = 1000;

    /// <summary>No port.</summary>
    public const ushort None = MacTable.NoPort;

    private const int Tags = 4096;

    // Written by the control thread when a port comes and goes, each before its first and after its last frame.
    private readonly ushort[] _tags = new ushort[Topology.MaxPorts];
    private readonly ushort[] _ports = MakePorts();
    private ushort _uplink = None;

    // The address each port has registered with, as a key; 0 for none. Written by the poll thread that owns the port's queue.
    private readonly ulong[] _registered = new ulong[Topology.MaxPorts];

    /// <summary>The uplink's port; <see cref="None"/> where there is none.</summary>
    public ushort Uplink
    {
        get => Volatile.Read(ref _uplink);
        set => Volatile.Write(ref _uplink, value);
    }

    /// <summary>Gives a device its pool. For the control thread.</summary>
    /// <param name="port">The device's port.</param>
    /// <param name="device">The device's number.</param>
    public void Add(ushort port, int device)
    {
        ushort tag = (ushort)(FirstTag + device);
        Volatile.Write(ref _tags[port], tag);
        Volatile.Write(ref _ports[tag], port);
    }

    /// <summary>Takes a device's pool away and forgets its address. For the control thread, when no frame of the device is on its way.</summary>
    /// <param name="port">The device's port.</param>
    public void Remove(ushort port)
    {
        table.Forget(port);
        Volatile.Write(ref _registered[port], 0);
        ushort tag = _tags[port];
        if (tag != 0) Volatile.Write(ref _ports[tag], None);
        Volatile.Write(ref _tags[port], 0);
        if (Uplink == port) Uplink = None;
    }

    /// <summary>The tag of a device; 0 where the port is none.</summary>
    /// <param name="port">The device's port.</param>
    public ushort TagOf(ushort port) => Volatile.Read(ref _tags[port]);

    /// <summary>The port of the device that has a tag; <see cref="None"/> where none has it.</summary>
    /// <param name="tag">A VLAN id.</param>
    public ushort PortOf(ushort tag) => Volatile.Read(ref _ports[tag]);

    /// <summary>The port of the device that has an address; <see cref="None"/> where none has it.</summary>
    /// <param name="address">The 48 bits.</param>
    public ushort PortWith(ulong address) => table.Find(MacTable.Key(address, 0));

    /// <summary>True once the device has an address.</summary>
    /// <param name="port">The device's port.</param>
    public bool HasAddress(ushort port) => Volatile.Read(ref _registered[port]) != 0;

    /// <summary>Registers a device with an address. For the poll thread that owns the device's queue.</summary>
    /// <param name="port">The device's port.</param>
    /// <param name="address">The 48 bits.</param>
    /// <returns>False where another device has the address, or it is none that a device can have.</returns>
    public bool TryRegister(ushort port, ulong address)
    {
        ulong key = MacTable.Key(address, 0);
        if ((key & MacAddress.GroupBit) != 0 || !table.TryClaim(key, port)) return false;
        Volatile.Write(ref _registered[port], key);
        return true;
    }

    /// <summary>The address and the tag of every device that has registered. For the control thread.</summary>
    public IReadOnlyList<(MacAddress Address, ushort Tag)> Registered()
    {
        var registered = new List<(MacAddress, ushort)>();
        for (ushort port = 0; port < _registered.Length; port++)
        {
            ulong key = Volatile.Read(ref _registered[port]);
            if (key != 0) registered.Add((new MacAddress(key & MacAddress.Mask), TagOf(port)));
        }
        return registered;
    }

    private static ushort[] MakePorts()
    {
        var ports = new ushort[Tags];
        Array.Fill(ports, None);
        return ports;
    }
}
