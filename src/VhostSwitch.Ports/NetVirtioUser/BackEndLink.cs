using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>Where a device's back-end comes from: finds it, has it set up, and notices when it goes. Lives on the control thread.</summary>
/// <param name="setUp">Sets a back-end up. May be called on another thread, never twice at a time, and not while the link is up.</param>
internal abstract class BackEndLink(Action<IBackEnd> setUp) : IDisposable
{
    /// <summary>A back-end is set up.</summary>
    public event Action? Up;

    /// <summary>The back-end is gone. It uses memory and rings no more, once this returns.</summary>
    public event Action? Down;

    /// <summary>What the back-end is, for people: a path, an interface.</summary>
    public abstract string Endpoint { get; }

    /// <summary>While the link is up, what the back-end is; otherwise why there is none.</summary>
    public abstract string Description { get; }

    /// <summary>Begins to look for a back-end.</summary>
    /// <exception cref="PortException">There can be none, and waiting would not help.</exception>
    public abstract void Open();

    /// <summary>Looks after it, about once a second.</summary>
    public abstract void Check();

    /// <summary>Stops the back-end and lets it go. Poll threads do not know the queues any more.</summary>
    public abstract void Dispose();

    /// <summary>Sets a back-end up.</summary>
    /// <param name="backEnd">The back-end.</param>
    /// <exception cref="VirtioUserException">It cannot be used.</exception>
    protected void SetUp(IBackEnd backEnd) => setUp(backEnd);

    /// <summary>Tells that a back-end is set up.</summary>
    protected void TellUp() => Up?.Invoke();

    /// <summary>Tells that the back-end is gone.</summary>
    protected void TellDown() => Down?.Invoke();
}
