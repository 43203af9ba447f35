using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// The second socket of a session, on which the back-end asks (vhost-user, "Back-end message types"). Nothing is ever waited for: answers
/// are taken when they come, and a front-end that reads nothing is asked nothing.
/// </summary>
internal sealed class BackEndChannel : IBackEndChannel
{
    // More than all queues of a device can have noted at once with a front-end that answers.
    private const int MostUnanswered = 4096;

    private readonly EventLoop _loop;
    private readonly UnixSocket _socket;
    private readonly Queue<(ulong Address, IotlbAccess Access)> _questions = new();
    private readonly byte[] _answer = new byte[Marshal.SizeOf<Answer>()];
    private bool _wantsAnswers;
    private int _received;
    private int? _notes;

    /// <summary>Takes over the socket.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="socket">A connected Unix socket; belongs to the channel from now on.</param>
    /// <param name="wantsAnswers">True where the front-end answers when asked to (REPLY_ACK is negotiated).</param>
    /// <exception cref="VhostException">The descriptor is no such socket.</exception>
    internal BackEndChannel(EventLoop loop, FileDescriptor socket, bool wantsAnswers)
    {
        _loop = loop;
        _wantsAnswers = wantsAnswers;
        _socket = UnixSocket.TryTake(socket) ?? throw new VhostException("SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket");
        loop.Watch(_socket.Number, Read);
    }

    /// <inheritdoc/>
    public Action<ulong, IotlbAccess>? Concluded { get; set; }

    /// <inheritdoc/>
    public bool AskForTranslation(ulong address, IotlbAccess access)
    {
        if (_questions.Count >= MostUnanswered) GiveUpAnswers();
        var message = new IotlbRequest
        {
            Header = new MessageHeader
            {
                Request = (uint)BackEndRequest.Iotlb,
                Flags = MessageHeader.Version | (_wantsAnswers ? MessageHeader.NeedReply : 0),
                Size = (uint)IotlbPayload.Length,
            },
            Payload = new IotlbPayload { Address = address, Access = (byte)access, Type = IotlbPayload.Miss },
        };
        if (_socket.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<IotlbRequest>(ref message)), []) != SocketOutcome.Done) return false;
        if (_wantsAnswers) _questions.Enqueue((address, access));
        return true;
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

    // Whatever is wrong with an answer, the session goes on without: questions are asked again after a while.
    private void Read()
    {
        var descriptors = new List<FileDescriptor>();
        SocketOutcome outcome;
        int count = 0;
        try
        {
            outcome = _socket.Receive(_answer.AsSpan(_received), descriptors, out count);
        }
        catch (LinuxException)
        {
            outcome = SocketOutcome.Closed;
        }
        descriptors.ForEach(d => d.Dispose());
        // Closed, it would be readable for ever.
        if (outcome is SocketOutcome.Closed or SocketOutcome.Truncated) _loop.Unwatch(_socket.Number);
        _received += count;
        if (_received < _answer.Length) return;
        _received = 0;
        var header = MemoryMarshal.Read<Answer>(_answer).Header;
        if (header is { Request: (uint)BackEndRequest.Iotlb, Flags: MessageHeader.Version | MessageHeader.Reply, Size: sizeof(ulong) }
            && _questions.TryDequeue(out var question))
        {
            Concluded?.Invoke(question.Address, question.Access);
        }
        else GiveUpAnswers();
    }

    private void GiveUpAnswers()
    {
        _wantsAnswers = false;
        _questions.Clear();
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct IotlbRequest
    {
        public MessageHeader Header;
        public IotlbPayload Payload;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Answer
    {
        public MessageHeader Header;
        public ulong Outcome;
    }
}
