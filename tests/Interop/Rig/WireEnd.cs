using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VhostSwitch.Interop.Rig;

/// <summary>Sends frames byte by byte by an interface in a network namespace.</summary>
internal sealed partial class WireEnd : IDisposable
{
    private readonly Socket _socket;

    private WireEnd(Socket socket) => _socket = socket;

    /// <summary>Opens an interface.</summary>
    public static WireEnd Open(NetworkNamespace place, string name)
    {
        const int CLONE_NEWNET = 0x40000000;
        Socket? socket = null;
        int index = int.Parse(place.RunAsync("cat", $"/sys/class/net/{name}/ifindex").GetAwaiter().GetResult(), System.Globalization.CultureInfo.InvariantCulture);
        // A socket stays in the namespace it was made in. The thread that goes there ends there.
        Thread visitor = new(() =>
        {
            using var space = File.OpenHandle($"/run/netns/{place.Name}");
            if (setns((int)space.DangerousGetHandle(), CLONE_NEWNET) == 0)
                socket = new Socket(AddressFamily.Packet, SocketType.Raw, ProtocolType.Unspecified);
        });
        visitor.Start();
        visitor.Join();
        if (socket is null)
            throw new RigException($"the namespace {place.Name} cannot be entered");
        socket.Bind(new LinkEndPoint(index));
        return new WireEnd(socket);
    }

    public void Send(ReadOnlySpan<byte> frame) => _socket.Send(frame);

    public void Dispose() => _socket.Dispose();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int nstype);

    /// <summary>The address of an interface: struct sockaddr_ll, for all protocols.</summary>
    private sealed class LinkEndPoint(int index) : EndPoint
    {
        private const int Length = 20;
        private const int InterfaceOffset = 4;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily, Length);
            for (int i = 0; i < sizeof(int); i++)
                address[InterfaceOffset + i] = (byte)(index >> (8 * i));
            return address;
        }
    }
}
