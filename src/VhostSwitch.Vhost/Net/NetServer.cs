using System.Collections.Immutable;
using VhostSwitch.Linux;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>
/// Network devices for programs that poll them on threads of their own: sockets, a control thread, and a <see cref="NetDevice"/>
/// for every front-end that connects. What DPDK's vhost library offers its applications.
/// </summary>
/// <remarks>Events come from the control thread, one after the other; a handler must not wait for a thread that holds a burst.</remarks>
public sealed class NetServer : IDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);

    private readonly EventLoop _loop = new();
    private readonly DeviceServer<NetDevice> _server;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ImmutableArray<NetDevice> _devices = [];

    /// <summary>Makes a server without sockets and starts its control thread.</summary>
    /// <param name="options">What every device offers.</param>
    /// <param name="mostDevices">How many devices there may be at a time.</param>
    public NetServer(DeviceOptions options, int mostDevices = 1024)
    {
        _server = new DeviceServer<NetDevice>(_loop, options, mostDevices, id => new NetDevice(id, options.MaxQueuePairs, this));
        _server.Connected += c =>
        {
            c.Owner.Endpoint = c.Endpoint.Path;
            _devices = _devices.Add(c.Owner);
        };
        _server.Disconnected += c =>
        {
            _devices = _devices.Remove(c.Owner);
            if (c.Owner.IsAdded) DeviceRemoved?.Invoke(c.Owner);
        };
        _server.Noted += (where, text) => Noted?.Invoke(where, text);
        _thread = new Thread(Run) { Name = "vhost-control", IsBackground = true };
        _thread.Start();
    }

    /// <summary>A device's first pair of rings runs: frames may flow (DPDK's <c>new_device</c>).</summary>
    public event Action<NetDevice>? DeviceAdded;

    /// <summary>A device that was added is gone. Its bursts bring nothing any more (<c>destroy_device</c>).</summary>
    public event Action<NetDevice>? DeviceRemoved;

    /// <summary>A ring runs and is enabled, or no longer (<c>vring_state_changed</c>): the device, the ring, and whether.</summary>
    public event Action<NetDevice, int, bool>? RingChanged;

    /// <summary>Other features hold from now on (<c>features_changed</c>).</summary>
    public event Action<NetDevice>? FeaturesChanged;

    /// <summary>What people should read of: a socket's path or a device's name, and one sentence.</summary>
    public event Action<string, string>? Noted;

    /// <summary>The devices whose front-ends are connected, as an unchanging list.</summary>
    public ImmutableArray<NetDevice> Devices => _devices;

    /// <summary>Ends when the control thread does; with its exception when it failed.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Serves a socket.</summary>
    /// <param name="path">The socket's path. A socket file that nobody serves any more is replaced.</param>
    /// <exception cref="VhostException">The socket cannot be made there; the sentence says what to change.</exception>
    public void Listen(string path) => _loop.Invoke(() =>
    {
        _server.Listen(path);
        return true;
    }).GetAwaiter().GetResult();

    /// <summary>
    /// Connects to a socket that a front-end serves, now or later, and again whenever the connection ends (<c>RTE_VHOST_USER_CLIENT</c>). Returns at
    /// once; while nobody can be connected to, <see cref="Noted"/> says why, once for each reason.
    /// </summary>
    /// <param name="path">The socket's path.</param>
    /// <exception cref="VhostException">No socket can have such a path.</exception>
    public void Connect(string path) => _loop.Invoke(() => _server.Connect(path)).GetAwaiter().GetResult();

    /// <summary>
    /// Removes a socket, or connects to it no more, and stops the devices that came by it. None of their bursts may be on loan to the calling thread.
    /// </summary>
    /// <param name="path">The socket's path as it was given.</param>
    /// <returns>False where there is no such socket.</returns>
    public bool Remove(string path) => _loop.Invoke(() => _server.Remove(path)).GetAwaiter().GetResult();

    /// <summary>Stops all devices, removes the sockets and ends the control thread. No burst may be on loan.</summary>
    public void Dispose()
    {
        _loop.Post(_server.Dispose);
        _loop.Stop();
        if (!_thread.Join(StopLimit)) throw new InvalidOperationException($"a burst was not returned for {StopLimit.TotalSeconds} s, so its device cannot be stopped");
        _loop.Dispose();
    }

    internal void TellAdded(NetDevice device) => DeviceAdded?.Invoke(device);

    internal void TellRing(NetDevice device, int ring, bool usable) => RingChanged?.Invoke(device, ring, usable);

    internal void TellFeatures(NetDevice device) => FeaturesChanged?.Invoke(device);

    private void Run()
    {
        try
        {
            _loop.Run();
            _ended.SetResult();
        }
        catch (Exception e)
        {
            _ended.SetException(e);
        }
    }
}
