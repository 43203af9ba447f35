namespace VhostSwitch.Ports;

/// <summary>A kind of port: makes the devices that <c>--vdev</c> names.</summary>
public abstract class PortDriver
{
    /// <summary>The driver's name as DPDK has it, for example <c>net_tap</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The name that DPDK had for it before, which its users still type; null where there is none.</summary>
    public virtual string? FormerName => null;

    /// <summary>What its devices are, in one line.</summary>
    public abstract string Summary { get; }

    /// <summary>The arguments its devices take.</summary>
    public abstract IReadOnlyList<DriverArgument> Arguments { get; }

    /// <summary>The argument that says how many queue pairs a device has, 1 where it is not given; null where the devices of the driver have one.</summary>
    public virtual string? QueuesArgument => null;

    /// <summary>The name of this driver that a device's name begins with; null where it begins with none.</summary>
    /// <param name="device">The device's name.</param>
    public string? NameIn(string device) =>
        device.StartsWith(Name, StringComparison.Ordinal) ? Name
        : FormerName is { } former && device.StartsWith(former, StringComparison.Ordinal) ? former
        : null;

    /// <summary>Makes a device: reads and checks its arguments, and opens nothing yet.</summary>
    /// <param name="vdev">Its name and arguments.</param>
    /// <param name="context">What the device works in.</param>
    /// <exception cref="PortException">An argument does not fit.</exception>
    public abstract PortDevice Create(Vdev vdev, PortContext context);
}
