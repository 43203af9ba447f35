namespace VhostSwitch.Dataplane;

/// <summary>Decides where frames go: the switching stage between input and output. Shared by all poll threads.</summary>
public abstract class Forwarder
{
    /// <summary>Gives every <see cref="Frame.Undecided"/> frame of the burst its <see cref="Frame.Output"/>. Called by poll threads: allocates nothing, waits for nothing.</summary>
    /// <param name="burst">The frames.</param>
    /// <param name="source">The id of the port they came from.</param>
    public abstract void Decide(Burst burst, ushort source);

    /// <summary>The types whose methods a decision takes: they are compiled before a poll thread starts.</summary>
    public virtual IReadOnlyList<Type> Code => [GetType()];

    /// <summary>Forgets a port. Called by the control thread when no frame of the port is on its way any more, before its id is used again.</summary>
    /// <param name="id">The port's id.</param>
    public abstract void Forget(ushort id);
}
