def find_go(target, environment):
    raise NotImplementedError
