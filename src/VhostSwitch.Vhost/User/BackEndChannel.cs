using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// The second socket of a session, on which the back-end asks (vhost-user, "Back-end message types"). Nothing is ever waited
/// for: questions need no answer here, what a front-end sends all the same is thrown away, and one that reads nothing is asked
/// nothing.
/// </summary>
internal sealed class BackEndChannel : IBackEndChannel
{
    private readonly EventLoop _loop;
    private readonly UnixSocket _socket;
    private int? _notes;

    /// <summary>Takes over the socket.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="socket">A connected Unix socket; belongs to the channel from now on.</param>
    /// <exception cref="VhostException">The descriptor is no such socket.</exception>
    internal BackEndChannel(EventLoop loop, FileDescriptor socket)
    {
        _loop = loop;
        _socket = UnixSocket.TryTake(socket) ?? throw new VhostException("SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket");
        loop.Watch(_socket.Number, Discard);
    }

    /// <inheritdoc/>
    public bool AskForTranslation(ulong address, IotlbAccess access)
    {
        var message = new IotlbRequest
        {
            Header = new MessageHeader { Request = (uint)BackEndRequest.Iotlb, Flags = MessageHeader.Version, Size = (uint)IotlbPayload.Length },
            Payload = new IotlbPayload { Address = address, Access = (byte)access, Type = IotlbPayload.Miss },
        };
        return _socket.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<IotlbRequest>(ref message)), []) == SocketOutcome.Done;
    }

    /// <inheritdoc/>
    public void AskWhenReadable(int notes, Action ask)
    {
        _notes = notes;
        _loop.Watch(notes, ask);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_notes is { } notes) _loop.Unwatch(notes);
        _loop.Unwatch(_socket.Number);
        _socket.Dispose();
    }

    private void Discard()
    {
        Span<byte> bytes = stackalloc byte[512];
        var descriptors = new List<FileDescriptor>();
        SocketOutcome outcome;
        try
        {
            outcome = _socket.Receive(bytes, descriptors, out _);
        }
        catch (LinuxException)
        {
            // Whatever is wrong with it, it is of no more use; the session goes on without.
            outcome = SocketOutcome.Closed;
        }
        descriptors.ForEach(d => d.Dispose());
        // Closed, it would be readable for ever.
        if (outcome is SocketOutcome.Closed or SocketOutcome.Truncated) _loop.Unwatch(_socket.Number);
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct IotlbRequest
    {
        public MessageHeader Header;
        public IotlbPayload Payload;
    }
}
