using System.Collections.Immutable;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports;

/// <summary>
/// The devices of a program by name: added and taken away while it runs. Any thread may call it, and waits until the control thread has done
/// it; <see cref="Devices"/> is the control thread's.
/// </summary>
/// <param name="context">What the devices work in.</param>
/// <param name="drivers">The drivers there are; <see cref="PortDrivers.All"/> where it is null.</param>
public sealed class PortRegistry(PortContext context, IReadOnlyList<PortDriver>? drivers = null) : IDisposable
{
    private readonly IReadOnlyList<PortDriver> _drivers = drivers ?? PortDrivers.All;

    /// <summary>Told what people should read of: the device, and one line without its name. Raised on the control thread.</summary>
    public event Action<PortDevice, string>? Noted;

    /// <summary>The devices, in the order in which they were added; replaced whole.</summary>
    public ImmutableArray<PortDevice> Devices { get; private set; } = [];

    /// <summary>Makes a device, and attaches it as a port.</summary>
    /// <param name="name">Its name: that of its driver with a number behind it, for example <c>virtio_user0</c>.</param>
    /// <param name="arguments">Its arguments as <c>--vdev</c> has them behind the name: <c>key=value,…</c>.</param>
    /// <exception cref="PortException">The name is taken or names no driver, an argument does not fit, or the device cannot be opened.</exception>
    public PortDevice Add(string name, string arguments = "") =>
        Add(Vdev.Parse(arguments.Length == 0 ? name : $"{name},{arguments}", _drivers), context);

    /// <summary>Makes a device with words that were read before.</summary>
    /// <param name="vdev">Its name and arguments.</param>
    /// <param name="place">What this device works in.</param>
    /// <param name="attached">Called when the port has its id, and no queue yet.</param>
    /// <exception cref="PortException">The name is taken, an argument does not fit, or the device cannot be opened.</exception>
    public PortDevice Add(Vdev vdev, PortContext place, Action<PortDevice>? attached = null) => context.Loop.Call(() =>
    {
        if (Devices.Any(d => d.Vdev.Name == vdev.Name)) throw vdev.Wrong("there is a device of that name already; give this one another number");
        if (context.DataPlane.Topology.Attached.Length == Topology.MaxPorts) throw vdev.Wrong($"there are {Topology.MaxPorts} ports, which are the most");
        var device = vdev.Driver.Create(vdev, place);
        device.Noted += text => Noted?.Invoke(device, text);
        try
        {
            device.Start(() => attached?.Invoke(device));
        }
        catch
        {
            device.Dispose();
            throw;
        }
        Devices = Devices.Add(device);
        return device;
    });

    /// <summary>Takes a device away. On return nothing of it is left: no queue, no interface that it had made.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>False where there is none of that name.</returns>
    public bool Remove(string name) => context.Loop.Call(() =>
    {
        if (Devices.FirstOrDefault(d => d.Vdev.Name == name) is not { } device) return false;
        Devices = Devices.Remove(device);
        device.Dispose();
        return true;
    });

    /// <summary>Has every device look after what it stands for: to be called about once a second, on the control thread.</summary>
    public void Check()
    {
        foreach (var device in Devices)
            device.Check();
    }

    /// <summary>Takes all devices away, the last one first.</summary>
    public void Dispose() => context.Loop.Call(() =>
    {
        foreach (var device in Devices.Reverse())
            device.Dispose();
        Devices = [];
        return true;
    });
}
