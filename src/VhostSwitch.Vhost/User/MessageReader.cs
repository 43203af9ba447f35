using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// Takes one message after the other from a socket that is never waited for: half a message stays here until its rest comes.
/// Reads exactly a header, then exactly its payload, since descriptors belong to the message whose first bytes they came with.
/// </summary>
public sealed class MessageReader : IDisposable
{
    /// <summary>The longest payload of any message of a network device: a memory table of 8 regions. Longer is refused before it is read.</summary>
    public const int MaxPayload = 8 + (MemoryTable.MaxTableRegions * 32);

    private readonly UnixSocket _socket;
    private readonly byte[] _header = new byte[MessageHeader.Length];
    private readonly byte[] _payload = new byte[MaxPayload];
    private int _headerRead;
    private int _payloadRead;

    /// <summary>Reads from a socket.</summary>
    /// <param name="socket">The connection; stays the caller's.</param>
    public MessageReader(UnixSocket socket) => _socket = socket;

    /// <summary>The header of the message that <see cref="TryRead"/> completed.</summary>
    public MessageHeader Header => MemoryMarshal.Read<MessageHeader>(_header);

    /// <summary>Its payload.</summary>
    public ReadOnlySpan<byte> Payload => _payload.AsSpan(0, (int)Header.Size);

    /// <summary>Its descriptors. What the receiver of the message does not take out is closed with the next message.</summary>
    public List<FileDescriptor> Descriptors { get; } = [];

    /// <summary>Goes on reading.</summary>
    /// <returns><see cref="SocketOutcome.Done"/> when a message is complete, and how it stands otherwise.</returns>
    /// <exception cref="VhostException">What comes is no vhost-user message.</exception>
    /// <exception cref="LinuxException">The socket failed.</exception>
    public SocketOutcome TryRead()
    {
        if (_headerRead == MessageHeader.Length && _payloadRead == Header.Size) Next();
        while (_headerRead < MessageHeader.Length)
        {
            var outcome = Read(_header.AsSpan(_headerRead), ref _headerRead);
            if (outcome != SocketOutcome.Done) return outcome;
            if (_headerRead == MessageHeader.Length) CheckHeader();
        }
        while (_payloadRead < Header.Size)
        {
            var outcome = Read(_payload.AsSpan(_payloadRead, (int)Header.Size - _payloadRead), ref _payloadRead);
            if (outcome != SocketOutcome.Done) return outcome;
        }
        return SocketOutcome.Done;
    }

    /// <inheritdoc/>
    public void Dispose() => Next();

    private SocketOutcome Read(Span<byte> into, ref int progress)
    {
        var outcome = _socket.Receive(into, Descriptors, out int count);
        progress += count;
        // Sent byte by byte, a message could bring more with every byte.
        if (Descriptors.Count > UnixSocket.MaxDescriptors) throw new VhostException($"more than {UnixSocket.MaxDescriptors} descriptors came with one message");
        return outcome;
    }

    private void CheckHeader()
    {
        var header = Header;
        if ((header.Flags & ~MessageHeader.NeedReply) != MessageHeader.Version)
            throw new VhostException($"message {header.Request} has the flags 0x{header.Flags:x}: this is not vhost-user version 1");
        if (header.Size > MaxPayload)
            throw new VhostException($"message {header.Request} announces {header.Size} bytes; no message has more than {MaxPayload}");
    }

    private void Next()
    {
        Descriptors.ForEach(d => d.Dispose());
        Descriptors.Clear();
        _headerRead = 0;
        _payloadRead = 0;
    }
}
