using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>The arguments of a device, checked as far as they can be without its back-end.</summary>
internal sealed record VirtioUserArguments
{
    private const int DefaultQueueSize = 256;

    // What a driver asks for in any case. Large segments that a guest sent with congestion bits are taken as they are, too.
    private const Features Always = Features.Version1 | Features.Csum | Features.HostTso4 | Features.HostTso6 | Features.HostEcn | Features.GuestCsum;

    // A large segment is longer than a buffer.
    private const Features WithMergeable = Features.MrgRxbuf | Features.GuestTso4 | Features.GuestTso6 | Features.GuestEcn;

    private VirtioUserArguments()
    {
    }

    /// <summary>The back-end's path.</summary>
    public required string Path { get; init; }

    /// <summary>The device's address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The most queue pairs.</summary>
    public required int Queues { get; init; }

    /// <summary>Entries of each ring.</summary>
    public required int QueueSize { get; init; }

    /// <summary>The name for the kernel's interface; null where none was given.</summary>
    public required string? Interface { get; init; }

    /// <summary>True to serve the socket.</summary>
    public required bool Server { get; init; }

    /// <summary>True where there is a control queue.</summary>
    public required bool ControlQueue { get; init; }

    /// <summary>The link's speed in Mbit/s; 0 where it is unknown.</summary>
    public required int Speed { get; init; }

    /// <summary>The features to ask for.</summary>
    public required Features Features { get; init; }

    /// <summary>Reads them.</summary>
    /// <param name="vdev">The device.</param>
    /// <exception cref="PortException">One does not fit.</exception>
    public static VirtioUserArguments Read(Vdev vdev)
    {
        string path = vdev.Required("path");
        int size = vdev.Number("queue_size", DefaultQueueSize, 2, SplitLayout.MaxSize);
        if (!BitOperations.IsPow2(size)) throw vdev.Wrong($"queue_size={size} was given, a power of two is needed, for example 256");
        if (vdev.Flag("vectorized", false))
            throw vdev.Wrong("vectorized=1 was given; there is one way to receive here, which needs no choice: leave it out");
        int queues = vdev.Number("queues", 1, 1, VirtioUserOptions.MaxQueues);
        bool controlQueue = vdev.Flag("cq", false) || queues > 1;
        var arguments = new VirtioUserArguments
        {
            Path = path,
            Mac = ReadAddress(vdev),
            Queues = queues,
            QueueSize = size,
            Interface = vdev.Text("iface"),
            Server = vdev.Flag("server", false),
            ControlQueue = controlQueue,
            Speed = vdev.Number("speed", 0, 0, int.MaxValue),
            Features = Always
                | (vdev.Flag("mrg_rxbuf", true) ? WithMergeable : 0)
                | (vdev.Flag("in_order", true) ? Features.InOrder : 0)
                | (vdev.Flag("packed_vq", false) ? Features.RingPacked : 0)
                | (queues > 1 ? Features.Mq : 0)
                | (controlQueue ? Features.CtrlVq : 0),
        };
        if (arguments.Interface is { } name && !InterfaceControl.IsName(name))
        {
            throw vdev.Wrong(
                $"iface={name} was given; an interface's name has 1 to {InterfaceControl.MaxNameLength} bytes without spaces, '/' and ':'");
        }
        return arguments;
    }

    /// <summary>Decides by the path what the back-end is, and checks the arguments that only one kind has.</summary>
    /// <param name="vdev">The device.</param>
    /// <returns>True for the kernel's, false for a socket.</returns>
    /// <exception cref="PortException">The path names neither, or an argument does not fit.</exception>
    public bool IsKernel(Vdev vdev)
    {
        var kind = DeviceFile.KindOf(Path, out uint major);
        if (kind == PathKind.CharacterDevice && major == DeviceFile.MiscMajor)
        {
            if (Server) throw vdev.Wrong($"server=1 was given, and {Path} is no socket: leave it out");
            return true;
        }
        if (kind is PathKind.CharacterDevice or PathKind.Other)
            throw vdev.Wrong($"path={Path} names no back-end: it takes a vhost-user socket, which may come later, or /dev/vhost-net");
        if (Interface is not null) throw vdev.Wrong($"iface={Interface} was given, and {Path} is a socket: only /dev/vhost-net makes an interface");
        if (Encoding.UTF8.GetByteCount(Path) > UnixSocket.MaxPathBytes)
            throw vdev.Wrong($"path={Path} is longer than the {UnixSocket.MaxPathBytes} bytes that a socket's path can have");
        return false;
    }

    private static MacAddress ReadAddress(Vdev vdev)
    {
        if (vdev.Text("mac") is not { } text)
        {
            // One of a single station, given out by nobody (IEEE 802, 8.2).
            const ulong Local = 2;
            ulong random = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
            return new MacAddress((random & MacAddress.Mask & ~MacAddress.GroupBit) | Local);
        }
        if (!MacAddress.TryParse(text, out var address) || address.IsGroup || address.Value == 0)
            throw vdev.Wrong($"mac={text} was given; an address of one station is allowed, as in 02:00:00:00:00:01");
        return address;
    }
}
