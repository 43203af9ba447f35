using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The kernel's vhost-net as a back-end: a device file for each queue pair, whose thread moves frames between the pair's rings and a queue
/// of a TAP interface. The interface is made with it and goes with it.
/// </summary>
internal sealed class VhostKernelBackEnd : IBackEnd
{
    // What the interface takes and gives with its virtio-net header; vhost-net itself knows nothing of these.
    private const Features OfInterface = Features.Csum | Features.HostTso4 | Features.HostTso6 | Features.HostEcn
        | Features.GuestCsum | Features.GuestTso4 | Features.GuestTso6 | Features.GuestEcn;

    // Bits that are an agreement between driver and front-end alone.
    private const Features OfFrontEnd = Features.Mac | Features.Status | Features.CtrlVq | Features.Mq | Features.AccessPlatform
        | Features.ProtocolFeatures;

    private readonly VhostNet _net;
    private readonly MacAddress _address;
    private readonly List<FileDescriptor> _devices = [];
    private readonly List<FileDescriptor> _taps = [];
    private readonly HashSet<int> _enabled = [];
    private Features _features;
    private int _pairs;
    private bool _addressIsSet;

    /// <summary>Opens the devices and makes the interface.</summary>
    /// <param name="kernel">Who carries requests out.</param>
    /// <param name="path">The device file.</param>
    /// <param name="interfaceName">The interface's name; empty for the first <c>tap</c> number that is free.</param>
    /// <param name="address">The interface's address.</param>
    /// <param name="pairs">How many queue pairs.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    internal VhostKernelBackEnd(IDeviceControl kernel, string path, string interfaceName, MacAddress address, int pairs)
    {
        _net = new VhostNet(kernel);
        _address = address;
        bool multiQueue = _net.HasMultiQueueTaps();
        MaxPairs = multiQueue ? pairs : 1;
        try
        {
            for (int pair = 0; pair < MaxPairs; pair++)
                _devices.Add(_net.Open(path));
            Interface = interfaceName;
            for (int pair = 0; pair < MaxPairs; pair++)
            {
                _taps.Add(_net.OpenTap(Interface, MaxPairs > 1));
                Interface = _net.NameOf(_taps[0]) ?? throw new LinuxException($"the interface {Interface}, just made", Errno.ENODEV);
            }
            foreach (var device in _devices)
                _net.Own(device);
            Offered = (Features)_net.FeaturesOf(_devices[0]) | OfInterface | (multiQueue ? Features.Mq : 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Features Offered { get; }

    /// <inheritdoc/>
    public int MaxPairs { get; }

    /// <summary>The interface's name when it was last looked at.</summary>
    internal string Interface { get; private set; }

    /// <summary>Looks whether the interface is still there.</summary>
    internal bool Look()
    {
        if (_net.NameOf(_taps[0]) is not { } name) return false;
        Interface = name;
        return true;
    }

    /// <inheritdoc/>
    public void Negotiate(Features features, DriverRings rings, int pairs) => Ask(() =>
    {
        _features = features;
        _pairs = pairs;
        for (int ring = 0; ring < DriverRings.RingsOfAPair * pairs; ring++)
            _net.SetCall(DeviceOf(ring), NumberOf(ring), rings.Calls[ring]);
        for (int pair = 0; pair < pairs; pair++)
            _net.Accept(_devices[pair], (ulong)(features & ~(OfInterface | OfFrontEnd)));
    });

    /// <inheritdoc/>
    public unsafe void Start(DriverMemory memory, DriverRings rings, ReadOnlySpan<uint> positions, int enabled)
    {
        var regions = new VhostRegion[memory.Regions];
        for (int i = 0; i < regions.Length; i++)
        {
            var region = memory.Describe(i);
            regions[i] = new VhostRegion(region.GuestAddress, region.Size, region.UserAddress);
        }
        uint[] from = positions.ToArray();
        Ask(() =>
        {
            for (int pair = 0; pair < _pairs; pair++)
                _net.ShareMemory(_devices[pair], regions);
            for (int ring = 0; ring < from.Length; ring++)
            {
                ref readonly var parts = ref rings.PartsOf(ring);
                var addresses = new VhostRingAddresses((ulong)parts.Descriptors, (ulong)parts.Available, (ulong)parts.Used);
                _net.SetRing(DeviceOf(ring), NumberOf(ring), (uint)rings.Size, from[ring], addresses);
                _net.SetKick(DeviceOf(ring), NumberOf(ring), rings.Kicks[ring]);
            }
        });
        for (int pair = 0; pair < enabled; pair++)
            Enable(pair, true);
    }

    /// <inheritdoc/>
    public void Enable(int pair, bool enabled)
    {
        if (_enabled.Contains(pair) == enabled) return;
        Ask(() =>
        {
            if (enabled) Prepare(_taps[pair]);
            for (uint ring = 0; ring < DriverRings.RingsOfAPair; ring++)
                _net.SetBackEnd(_devices[pair], ring, enabled ? _taps[pair] : null);
        });
        if (enabled) _enabled.Add(pair);
        else _enabled.Remove(pair);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        foreach (int pair in _enabled.Order().ToArray())
            Enable(pair, false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var device in _devices)
            device.Dispose();
        foreach (var tap in _taps)
            tap.Dispose();
    }

    private static uint NumberOf(int ring) => (uint)(ring % DriverRings.RingsOfAPair);

    private FileDescriptor DeviceOf(int ring) => _devices[ring / DriverRings.RingsOfAPair];

    private static void Ask(Action requests)
    {
        try
        {
            requests();
        }
        catch (LinuxException e)
        {
            throw new VirtioUserException($"the kernel refused a request: {e.Message}", e);
        }
    }

    private void Prepare(FileDescriptor tap)
    {
        if (!_addressIsSet) _net.SetAddress(tap, _address.Value);
        _addressIsSet = true;
        var offloads = TapOffloads.None;
        if ((_features & Features.GuestCsum) != 0) offloads |= TapOffloads.Checksum;
        if ((_features & Features.GuestTso4) != 0) offloads |= TapOffloads.Tcp4;
        if ((_features & Features.GuestTso6) != 0) offloads |= TapOffloads.Tcp6;
        if ((_features & Features.GuestEcn) != 0) offloads |= TapOffloads.TcpEcn;
        _net.Prepare(tap, NetHeader.LengthFor(_features), offloads);
    }
}
