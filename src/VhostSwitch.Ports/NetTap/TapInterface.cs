using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetTap;

/// <summary>A TAP interface that is open: the descriptors of its queues. Lives on the control thread.</summary>
internal sealed class TapInterface : IDisposable
{
    private readonly List<FileDescriptor> _queues = [];
    private InterfaceControl? _control;

    private TapInterface(string name) => Name = name;

    /// <summary>Its name when it was last asked; whoever moves it may rename it.</summary>
    public string Name { get; private set; }

    /// <summary>The descriptors of its queues.</summary>
    public IReadOnlyList<FileDescriptor> Queues => _queues;

    /// <summary>True where it is in another network namespace than this process.</summary>
    public bool IsElsewhere { get; private set; }

    /// <summary>Opens an interface, or makes it.</summary>
    /// <param name="name">Its name, or a pattern with <c>%d</c>.</param>
    /// <param name="queues">How many queues.</param>
    /// <param name="offloads">What the host may leave undone.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public static TapInterface Open(string name, int queues, TapOffloads offloads)
    {
        var tap = new TapInterface(name);
        try
        {
            for (int i = 0; i < queues; i++)
            {
                tap._queues.Add(TapDescriptor.Open(tap.Name, queues > 1, KernelFrames.HeaderLength, out string actual));
                tap.Name = actual;
            }
            TapDescriptor.SetOffloads(tap._queues[0], offloads);
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    /// <summary>Looks where the interface is and how it is.</summary>
    /// <param name="home">The namespace of this process.</param>
    /// <param name="state">How it is; null where it is in a namespace that this process may not look into.</param>
    /// <returns>False when it was deleted.</returns>
    public bool Look(InterfaceControl home, out InterfaceState? state)
    {
        state = null;
        if (TapDescriptor.NameOf(_queues[0]) is not { } name) return false;
        Name = name;
        using var space = TapDescriptor.NamespaceOf(_queues[0]);
        if (space is null || TapDescriptor.NameOfNamespace(space) == home.Namespace)
        {
            // Who may not know the namespace may not move interfaces either: it is here, unless somebody else moved it.
            state = home.StateOf(name);
            IsElsewhere = state is null;
            return true;
        }
        IsElsewhere = true;
        state = ControlOf(space)?.StateOf(name);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _control?.Dispose();
        foreach (var queue in _queues)
            queue.Dispose();
    }

    private InterfaceControl? ControlOf(FileDescriptor space)
    {
        if (_control?.Namespace == TapDescriptor.NameOfNamespace(space)) return _control;
        _control?.Dispose();
        _control = null;
        try
        {
            return _control = InterfaceControl.In(space);
        }
        catch (LinuxException)
        {
            return null;
        }
    }
}
